// The threshold explorer. What each threshold does was counted when the page was made; this looks
// it up and applies two formulas, Wilson's and Bayes', just as scores/threshold_table.py does.
"use strict";

(() => {
  const ratio = (part, whole) => (whole ? part / whole : NaN);
  const sigmoid = x => 1 / (1 + Math.exp(-x));
  const logit = p => Math.log(p / (1 - p));

  // Python rounds a tie to the even digit, toFixed away from zero. Behind three digits, ties are
  // the odd sixteenths.
  const text = value =>
    Number.isNaN(value)
      ? "undefined"
      : ((16 * value) % 2 === 1 ? Math.round(500 * value) / 500 : value).toFixed(3);

  // In per cent, with no more digits than a reader could use.
  const percent = share => {
    const value = 100 * share;
    return String(+value.toFixed(Math.min(value, 100 - value) < 1 ? 2 : 1));
  };

  // The first place of a rising list whose value is at least x.
  const place = (rising, x) => {
    let [low, high] = [0, rising.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rising[middle] < x) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  // n may be broken: the independent images that grouped ones are worth.
  const wilson = (share, n, z) => {
    const spread = z * z / n;
    const centre = share + spread / 2;
    const away = z * Math.sqrt(share * (1 - share) / n + spread / (4 * n));
    return [
      share === 0 ? 0 : (centre - away) / (1 + spread),
      share === 1 ? 1 : (centre + away) / (1 + spread),
    ];
  };

  const read = (network, threshold, prevalence, z) => {
    const row = place(network.scores, threshold);
    const tp = network.tp[row], fn = network.positives - tp;
    const fp = network.fp[row], tn = network.negatives - fp;
    const shares = {
      sensitivity: ratio(tp, tp + fn),
      specificity: ratio(tn, fp + tn),
      accuracy: ratio(tp + tn, tp + fn + fp + tn),
    };
    const hit = shares.sensitivity * prevalence;
    const alarm = (1 - shares.specificity) * (1 - prevalence);
    const miss = (1 - shares.sensitivity) * prevalence;
    const clear = shares.specificity * (1 - prevalence);
    const shown = {
      tp: String(tp), fn: String(fn), fp: String(fp), tn: String(tn),
      ppv: text(ratio(hit, hit + alarm)),
      npv: text(ratio(clear, miss + clear)),
      "ppv-observed": text(ratio(tp, tp + fp)),
      "npv-observed": text(ratio(tn, fn + tn)),
    };
    for (const [name, share] of Object.entries(shares)) {
      shown[name] = text(share);
      shown[`${name}-interval`] = Number.isNaN(share)
        ? "–"
        : wilson(share, network.worth[name][row], z).map(text).join(" to ");
    }
    return { shares, shown };
  };

  const start = () => {
    const root = document.querySelector(".explorer");
    if (!root) return;
    const find = selector => root.querySelector(selector);
    const all = selector => [...root.querySelectorAll(selector)];
    const data = JSON.parse(find("script").textContent);
    const [choice, button, told] = ["select", "button", "output"].map(find);
    const threshold = { slider: find("#explorer-threshold"), field: find("#explorer-threshold-field") };
    const prevalence = { slider: find("#explorer-prevalence"), field: find("#explorer-prevalence-field") };

    const network = () => data.networks[choice.selectedIndex];
    const state = { threshold: data.threshold };
    const suppose = (share, written = percent(share)) =>
      Object.assign(state, { prevalence: share, percent: written });
    suppose(network().prevalence);
    let later = 0;

    const show = () => {
      const { shares, shown } = read(network(), state.threshold, state.prevalence, data.z);
      for (const one of all("[data-shown]")) one.textContent = shown[one.dataset.shown];
      for (const one of all("[data-prevalence]")) one.textContent = `${state.percent}%`;
      all("figure").forEach((figure, k) => {
        figure.hidden = k !== choice.selectedIndex;
        if (figure.hidden) return;
        const x = `${100 * state.threshold}%`;
        for (const end of ["x1", "x2"]) figure.querySelector(".marker").setAttribute(end, x);
        for (const name of ["sensitivity", "specificity"]) {
          // What is undefined has no curve, at any threshold.
          const dot = figure.querySelector(`circle.${name}`);
          dot?.setAttribute("cx", x);
          dot?.setAttribute("cy", `${100 * (1 - shares[name])}%`);
        }
      });
      // A slider on the move would have a screen reader speak without end.
      clearTimeout(later);
      later = setTimeout(() => {
        told.textContent =
          `${network().name} at a threshold of ${state.threshold}: sensitivity ${shown.sensitivity}, ` +
          `specificity ${shown.specificity}; at a prevalence of ${state.percent}%, ` +
          `PPV ${shown.ppv}, NPV ${shown.npv}.`;
      }, 300);
    };

    // A control shows what is chosen, except to the hand that is moving it.
    const display = moved => {
      const put = (control, value) => {
        if (control === moved) return;
        control.value = value;
        control.removeAttribute("aria-invalid");
      };
      put(threshold.slider, state.threshold);
      put(threshold.field, state.threshold);
      put(prevalence.slider, logit(state.prevalence));
      put(prevalence.field, state.percent);
      prevalence.slider.setAttribute("aria-valuetext", `${state.percent}%`);
    };

    const listen = (control, choose) =>
      control.addEventListener("input", () => {
        const { rangeUnderflow, rangeOverflow } = control.validity;
        const wrong = control.value === "" || rangeUnderflow || rangeOverflow;
        control.setAttribute("aria-invalid", wrong);
        if (wrong) return;
        choose(+control.value);
        display(control);
        show();
      });

    listen(threshold.slider, value => { state.threshold = value; });
    listen(threshold.field, value => { state.threshold = value; });
    // A slider chooses what the field beside it can say.
    listen(prevalence.slider, value => suppose(+percent(sigmoid(value)) / 100));
    listen(prevalence.field, value => suppose(value / 100, prevalence.field.value));
    for (const { field } of [threshold, prevalence]) field.addEventListener("change", () => display());
    choice.addEventListener("change", show);
    button.addEventListener("click", () => {
      suppose(network().prevalence);
      display();
      show();
    });

    for (const one of all("[data-script]")) one.hidden = false;
    display();
    show();
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
