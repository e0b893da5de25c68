// Paper is white: a page read in the dark is printed in the light, and then dark again. Paper
// cannot be opened: what is folded is printed open.
"use strict";

(() => {
  const root = document.documentElement;
  let theme = null;
  let folds = [];
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    folds = [...document.querySelectorAll("details:is(.folded, .sd-dropdown):not([open])")];
    for (const fold of folds) fold.open = true;
  });
  addEventListener("afterprint", () => {
    if (theme) root.dataset.theme = theme;
    for (const fold of folds) fold.open = false;
  });
})();
