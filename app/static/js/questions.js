// Helpers for two kinds of questions, in one file so that a test comes in eight requests.

// Picture questions: arrows in two directions, zoom, pan, grid, invert, contrast, clear. The radio buttons or check
// boxes of the page stay the truth. Markup: templates/questions/page/hotspot.html

const ZOOMS = [1, 1.5, 2, 3, 4];
const COLUMNS = 6;
const ROWS = 3;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function enhancePicture(field) {
  const fill = (name) => {
    const template = field.querySelector(`template[data-${name}]`);
    template.replaceWith(template.content.cloneNode(true));
  };
  fill("tools");
  fill("answer");

  const find = (selector) => field.querySelector(selector);
  const pic = find(".hot-pic");
  const image = find(".hot-pic img");
  const grid = find(".hot-grid");
  const cells = [...grid.querySelectorAll("input")];
  const nothing = find('input[value="none"]');
  const given = find("[data-given]");
  const several = nothing.type === "checkbox";

  // ---- the answer in words

  function say() {
    const marked = cells.filter((cell) => cell.checked).map((cell) => cell.value);
    given.className = marked.length ? "code ltr" : "";
    given.textContent = marked.join(", ") || (nothing.checked ? given.dataset.nothing : given.dataset.none);
    find("[data-clear]").hidden = !marked.length && !nothing.checked;
    nothing.closest(".choice").classList.toggle("on", nothing.checked);
  }

  function changed(input) {
    say();
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  field.addEventListener("change", (event) => {
    if (several && event.target.checked) {
      if (event.target === nothing) for (const cell of cells) cell.checked = false;
      else if (cells.includes(event.target)) nothing.checked = false;
    }
    say();
  });

  find("[data-clear]").addEventListener("click", () => {
    for (const input of [...cells, nothing]) input.checked = false;
    cells[0].focus({ preventScroll: true });
    changed(nothing);
  });

  // ---- arrows: radio buttons by themselves know one direction only

  field.addEventListener("keydown", (event) => {
    const here = cells.indexOf(event.target);
    const step = STEPS[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey || (here < 0 && event.target !== nothing)) return;
    let next = nothing;
    if (here >= 0) {
      const column = (here % COLUMNS) + step[0];
      const row = Math.floor(here / COLUMNS) + step[1];
      if (column < 0 || column >= COLUMNS || row < 0) next = null;
      else if (row < ROWS) next = cells[row * COLUMNS + column];
    } else {
      next = event.key === "ArrowUp" || event.key === "ArrowLeft" ? cells[cells.length - COLUMNS] : null;
    }
    event.preventDefault();
    if (!next) return;
    next.focus();
    if (several) return;
    next.checked = true;
    changed(next);
  });

  // ---- zoom: the picture and its grid grow inside a window of the old size

  const stage = document.createElement("div");
  stage.style.position = "relative";
  stage.append(image, grid);
  pic.append(stage);
  const view = find("[data-view]");
  view.id = `${nothing.name}-view`;
  let zoom = 0;

  function zoomTo(level) {
    const factor = ZOOMS[level];
    const was = zoom;
    const middle = [(pic.scrollLeft + pic.clientWidth / 2) / pic.scrollWidth, (pic.scrollTop + pic.clientHeight / 2) / pic.scrollHeight];
    zoom = level;
    pic.style.overflow = factor > 1 ? "auto" : "";
    pic.style.aspectRatio = factor > 1 ? "2 / 1" : "";
    stage.style.inlineSize = `${factor * 100}%`;
    const focused = cells.includes(document.activeElement) && document.activeElement;
    const towards = (focused || (!was && cells.find((cell) => cell.checked)))?.parentElement;
    if (factor > 1) {
      pic.tabIndex = 0;
      pic.setAttribute("role", "region");
      pic.setAttribute("aria-labelledby", view.id);
      const x = towards ? towards.offsetLeft + towards.offsetWidth / 2 : middle[0] * pic.scrollWidth;
      const y = towards ? towards.offsetTop + towards.offsetHeight / 2 : middle[1] * pic.scrollHeight;
      pic.scrollTo(x - pic.clientWidth / 2, y - pic.clientHeight / 2);
    } else {
      for (const name of ["tabindex", "role", "aria-labelledby"]) pic.removeAttribute(name);
    }
    find("[data-zoomed]").textContent = `${factor * 100} %`;
    find('[data-zoom="out"]').setAttribute("aria-disabled", String(level === 0));
    find('[data-zoom="in"]').setAttribute("aria-disabled", String(level === ZOOMS.length - 1));
    letters();
  }

  const zoomBy = (step) => zoomTo(Math.min(ZOOMS.length - 1, Math.max(0, zoom + step)));

  // The letters and numbers at the edge stand over what can be seen of their column or row.
  function letters() {
    const along = (names, from, seen, all) => {
      const each = all / names.children.length;
      const sizes = [...names.children].map((name, i) => {
        const size = Math.max(0, Math.min((i + 1) * each, from + seen) - Math.max(i * each, from));
        name.style.visibility = size < 14 ? "hidden" : "";
        return `${size}px`;
      });
      return ZOOMS[zoom] > 1 ? sizes.join(" ") : "";
    };
    find(".hot-cols").style.gridTemplateColumns = along(find(".hot-cols"), pic.scrollLeft, pic.clientWidth, pic.scrollWidth);
    find(".hot-rows").style.gridTemplateRows = along(find(".hot-rows"), pic.scrollTop, pic.clientHeight, pic.scrollHeight);
  }

  pic.addEventListener("scroll", letters, { passive: true });
  window.addEventListener("resize", letters);
  field.addEventListener("click", (event) => {
    const button = event.target.closest("[data-zoom]");
    if (button && button.getAttribute("aria-disabled") !== "true") zoomBy(button.dataset.zoom === "in" ? 1 : -1);
  });
  field.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "+" || event.key === "=") zoomBy(1);
    else if (event.key === "-") zoomBy(-1);
    else if (event.key === "Escape" && zoom) {
      if (document.activeElement === pic) find('[data-zoom="in"]').focus();
      zoomTo(0);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // ---- how it looks: for this picture, until the page is left

  function look() {
    const on = (name) => find(`[data-look="${name}"]`).checked;
    image.style.filter = [on("invert") && "invert(1)", on("contrast") && "contrast(1.8)"].filter(Boolean).join(" ");
    for (const cell of cells) {
      const style = cell.parentElement.style;
      style.borderColor = !on("grid") ? "transparent" : on("invert") ? "#fff" : on("contrast") ? "#000" : "";
      style.borderStyle = on("grid") && on("contrast") ? "solid" : "";
    }
  }

  for (const box of field.querySelectorAll("[data-look]")) {
    box.addEventListener("change", (event) => {
      event.stopPropagation(); // nothing of the answer has changed
      look();
    });
  }

  say();
  zoomTo(0);
}

for (const field of document.querySelectorAll("[data-hotspot]")) enhancePicture(field);

// Ordering questions: buttons that move a step up or down and write its number. The fields stay the truth: what is
// saved is what they say, and whoever fills them by hand needs no button. Markup: templates/questions/page/ordering.html

function enhanceOrder(list) {
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

for (const list of document.querySelectorAll("[data-order]")) enhanceOrder(list);
