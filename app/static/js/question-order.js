// Ordering questions: buttons that move a step up or down and write its number. The fields stay the truth: what is
// saved is what they say, and whoever fills them by hand needs no button. Markup: templates/questions/page/ordering.html

function enhance(list) {
  const said = list.parentElement.querySelector("[data-order-said]");
  const rows = () => [...list.children];
  const field = (row) => row.querySelector("select");

  for (const row of rows()) row.append(row.querySelector("template").content.cloneNode(true));

  // Rows with a number stand in the order of the numbers, rows without behind them as they were.
  function arrange() {
    const place = (row) => Number(field(row).value) || Infinity;
    const before = rows();
    const after = [...before].sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
    if (after.some((row, i) => row !== before[i])) list.append(...after);
  }

  // A button at the end stays in the tab order, or the focus would be lost when a step arrives there.
  function mark() {
    rows().forEach((row, i, all) => {
      row.querySelector('[data-move="up"]').setAttribute("aria-disabled", String(i === 0));
      row.querySelector('[data-move="down"]').setAttribute("aria-disabled", String(i === all.length - 1));
    });
  }

  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    const row = button.closest("li");
    if (rows().some((each) => field(each).value)) arrange();
    const up = button.dataset.move === "up";
    if (up) row.previousElementSibling?.before(row);
    else row.nextElementSibling?.after(row);
    rows().forEach((each, i) => { field(each).value = String(i + 1); });
    mark();
    button.focus();
    field(row).dispatchEvent(new Event("change", { bubbles: true }));
    said.textContent = list.dataset.moved
      .replace("{step}", () => row.querySelector("[data-step]").textContent)
      .replace("{place}", () => field(row).selectedOptions[0].textContent)
      .replace("{count}", () => rows().length);
  });

  // Answers of before, and answers that come back from the browser's own store, show in their order; while
  // somebody is choosing numbers nothing jumps.
  const settle = () => {
    const values = rows().map((row) => field(row).value);
    if (!list.contains(document.activeElement) && values.every(Boolean) && new Set(values).size === values.length) arrange();
    mark();
  };
  list.addEventListener("change", settle);
  settle();
}

for (const list of document.querySelectorAll("[data-order]")) enhance(list);
