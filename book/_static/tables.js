// Tables of results are sorted by their columns, and long ones searched. Without scripts they read
// as they stand. Ledger and checklists bring their own search; matrices and margins keep their order.
"use strict";

(() => {
  const SORTED_FROM = 4; // rows; fewer are seen at a glance
  const SEARCHED_FROM = 12;
  // Rising, falling, and as it was.
  const NEXT = new Map([[null, "ascending"], ["ascending", "descending"], ["descending", null]]);

  const text = (row, column) => row.cells[column].textContent.trim();

  // "0.975 (0.952–0.990)", "< 0.001", "1,341", "−17.7", "93%": what stands first is what is sorted by.
  const number = (cell) => {
    if (/^\d{4}-\d\d/.test(cell)) return NaN; // a date sorts as text
    const found = /^[<>≤≥~≈+\s]*([-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?)/i.exec(cell);
    return found ? Number(found[1].replaceAll(",", "").replace("−", "-")) : NaN;
  };

  const empty = (cell) => ["", "–", "-", "nan", "None"].includes(cell);

  const sorted = (rows, column, falling) => {
    const cells = new Map(rows.map((row) => [row, text(row, column)]));
    const told = [...cells.values()].filter((cell) => !empty(cell));
    const numeric = told.every((cell) => !Number.isNaN(number(cell)));
    const compare = numeric
      ? (a, b) => number(a) - number(b)
      : (a, b) => a.localeCompare(b, "en", { numeric: true });
    return [...rows].sort((first, second) => {
      const [a, b] = [cells.get(first), cells.get(second)];
      // What is not there comes last, whichever way.
      if (empty(a) || empty(b)) return empty(a) - empty(b);
      return falling ? compare(b, a) : compare(a, b);
    });
  };

  const sortable = (table, rows) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.textContent.trim()) return; // a button needs a name
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const next = NEXT.get(head.ariaSort);
        heads.forEach((other) => { other.ariaSort = null; });
        head.ariaSort = next;
        table.tBodies[0].append(...(next ? sorted(rows, column, next === "descending") : rows));
      });
    });
  };

  const searchable = (table, rows) => {
    const field = document.createElement("input");
    const count = document.createElement("output");
    const box = document.createElement("div");
    const tell = (shown) => { count.textContent = `${shown} of ${rows.length} rows`; };
    field.type = "search";
    field.placeholder = "Search this table";
    field.ariaLabel = `Search the table: ${table.caption?.textContent.trim() ?? ""}`;
    box.className = "table-search";
    box.append(field, count);
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) {
        const line = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => line.includes(word));
      }
      tell(rows.filter((row) => !row.hidden).length);
    });
    tell(rows.length);
    table.closest(".table-wrap").before(box);
  };

  const start = () => {
    for (const table of document.querySelectorAll(".table-wrap table.numbers")) {
      const rows = [...(table.tBodies[0]?.rows ?? [])];
      const spans = table.querySelector("[colspan]:not([colspan='1']), [rowspan]:not([rowspan='1'])");
      if (table.tHead?.rows.length !== 1 || spans) continue;
      if (rows.length >= SORTED_FROM) sortable(table, rows);
      if (rows.length >= SEARCHED_FROM) searchable(table, rows);
    }
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
