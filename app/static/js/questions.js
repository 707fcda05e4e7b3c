// Helpers for some kinds of questions, in one file so that a test comes in eight requests. The fields of the page stay
// the truth: what is saved is what they say.

const ZOOMS = [1, 1.5, 2, 3, 4];
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const modified = (event) => event.ctrlKey || event.altKey || event.metaKey;
const enabled = (button, on) => button.setAttribute("aria-disabled", String(!on));

function changed(input) {
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function fill(field, name) {
  for (const template of field.querySelectorAll(`template[data-${name}]`)) template.replaceWith(template.content.cloneNode(true));
}

// Pictures: zoom, pan by keys and buttons, grid, invert, contrast. A picture and what lies over it grow inside a window
// of the old size; the windows of one box (two documents) move together. Markup: an element with data-pictures, in it
// windows with data-pane and the place of the tools, data-tools; the tools are templates/questions/tools.html.
// `towards` gives what an enlarged picture shows first, `moved` hears of each change of what is seen.

function enhancePictures(box, { towards = () => null, moved = () => {} } = {}) {
  const tools = document.querySelector("#picture-tools").content.firstElementChild.cloneNode(true);
  tools.lang = document.documentElement.lang;
  box.querySelector("[data-tools]").replaceWith(tools);
  const find = (selector) => tools.querySelector(selector);
  const panes = [...box.querySelectorAll("[data-pane]")];
  const stages = panes.map((pane) => {
    const stage = document.createElement("div");
    stage.className = "stage";
    stage.append(...pane.childNodes);
    if (!("grid" in box.dataset)) stage.append(Object.assign(document.createElement("div"), { className: "pic-grid" }));
    pane.append(stage);
    return stage;
  });
  const view = find("[data-view]");
  view.id = `view-${document.querySelectorAll("[id^=view-]").length}`;
  let zoom = 0;

  function zoomTo(level) {
    const factor = ZOOMS[level];
    const was = zoom;
    zoom = level;
    panes.forEach((pane, i) => {
      const middle = [(pane.scrollLeft + pane.clientWidth / 2) / pane.scrollWidth, (pane.scrollTop + pane.clientHeight / 2) / pane.scrollHeight];
      if (factor > 1 && !was) pane.style.aspectRatio = `${pane.clientWidth} / ${pane.clientHeight}`;
      pane.classList.toggle("zoomed", factor > 1);
      stages[i].style.inlineSize = `${factor * 100}%`;
      if (factor > 1) {
        pane.tabIndex = 0;
        pane.setAttribute("role", "region");
        pane.setAttribute("aria-labelledby", view.id);
        const [x, y] = towards(was) || [middle[0] * pane.scrollWidth, middle[1] * pane.scrollHeight];
        pane.scrollTo(x - pane.clientWidth / 2, y - pane.clientHeight / 2);
      } else {
        pane.style.aspectRatio = "";
        for (const name of ["tabindex", "role", "aria-labelledby"]) pane.removeAttribute(name);
      }
    });
    find("[data-zoomed]").textContent = `${factor * 100} %`;
    enabled(find('[data-zoom="out"]'), level > 0);
    enabled(find('[data-zoom="in"]'), level < ZOOMS.length - 1);
    find("[data-pan]").hidden = !level;
    moved(factor);
  }

  const zoomBy = (step) => zoomTo(Math.min(ZOOMS.length - 1, Math.max(0, zoom + step)));

  for (const pane of panes) {
    pane.addEventListener("scroll", () => {
      for (const other of panes) {
        if (other !== pane && Math.hypot(other.scrollLeft - pane.scrollLeft, other.scrollTop - pane.scrollTop) > 1) other.scrollTo(pane.scrollLeft, pane.scrollTop);
      }
      moved(ZOOMS[zoom]);
    }, { passive: true });
  }
  window.addEventListener("resize", () => moved(ZOOMS[zoom]));

  tools.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    if (button.dataset.zoom) {
      zoomBy(button.dataset.zoom === "in" ? 1 : -1);
    } else {
      const [x, y] = button.dataset.moveBy.split(" ");
      panes[0].scrollBy((x * panes[0].clientWidth) / 4, (y * panes[0].clientHeight) / 4);
    }
  });
  (box.closest("fieldset") || box).addEventListener("keydown", (event) => {
    if (modified(event)) return;
    if (event.key === "+" || event.key === "=") zoomBy(1);
    else if (event.key === "-") zoomBy(-1);
    else if (event.key === "Escape" && zoom) {
      if (panes.includes(document.activeElement) || document.activeElement.dataset.moveBy) find('[data-zoom="in"]').focus();
      zoomTo(0);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // How it looks: for this picture, until the page is left.
  for (const input of tools.querySelectorAll("[data-look]")) {
    const { look } = input.dataset;
    input.checked = look === "grid" && "grid" in box.dataset;
    box.classList.toggle(`is-${look}`, input.checked);
    input.addEventListener("change", (event) => {
      event.stopPropagation(); // nothing of the answer has changed
      box.classList.toggle(`is-${look}`, input.checked);
    });
  }
  zoomTo(0);
}

// Hotspots: arrows in two directions, clear, the answer in words, letters at the edge that stay with their columns. The
// radio buttons or check boxes of the page stay the truth. Markup: templates/questions/page/hotspot.html

const COLUMNS = 6;
const ROWS = 3;

function enhanceHotspot(field) {
  fill(field, "answer");
  const find = (selector) => field.querySelector(selector);
  const pic = find(".hot-pic");
  const cells = [...find(".hot-grid").querySelectorAll("input")];
  const nothing = find('input[value="none"]'); // not there where the text names what is to be marked
  const given = find("[data-given]");
  const several = cells[0].type === "checkbox";

  function say() {
    const marked = cells.filter((cell) => cell.checked).map((cell) => cell.value);
    given.className = marked.length ? "code ltr" : "";
    given.textContent = marked.join(", ") || (nothing?.checked ? given.dataset.nothing : given.dataset.none);
    find("[data-clear]").hidden = !marked.length && !nothing?.checked;
    nothing?.closest(".choice").classList.toggle("on", nothing.checked);
  }

  field.addEventListener("change", (event) => {
    if (several && nothing && event.target.checked) {
      if (event.target === nothing) for (const cell of cells) cell.checked = false;
      else if (cells.includes(event.target)) nothing.checked = false;
    }
    say();
  });

  find("[data-clear]").addEventListener("click", () => {
    for (const input of field.querySelectorAll("input:checked")) if (input.name) input.checked = false;
    cells[0].focus({ preventScroll: true });
    changed(cells[0]);
  });

  // Radio buttons by themselves know one direction only.
  field.addEventListener("keydown", (event) => {
    const here = cells.indexOf(event.target);
    const step = STEPS[event.key];
    if (!step || modified(event) || (here < 0 && event.target !== nothing)) return;
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

  function towards(was) {
    const focused = cells.includes(document.activeElement) && document.activeElement;
    const cell = (focused || (!was && cells.find((one) => one.checked)))?.parentElement;
    return cell && [cell.offsetLeft + cell.offsetWidth / 2, cell.offsetTop + cell.offsetHeight / 2];
  }

  // The letters and numbers at the edge stand over what can be seen of their column or row.
  function letters(factor) {
    const along = (names, from, seen, all) => {
      const each = all / names.children.length;
      const sizes = [...names.children].map((name, i) => {
        const size = Math.max(0, Math.min((i + 1) * each, from + seen) - Math.max(i * each, from));
        name.style.visibility = size < 14 ? "hidden" : "";
        return `${size}px`;
      });
      if (factor === 1) for (const name of names.children) name.style.visibility = "";
      return factor > 1 ? sizes.join(" ") : "";
    };
    find(".hot-cols").style.gridTemplateColumns = along(find(".hot-cols"), pic.scrollLeft, pic.clientWidth, pic.scrollWidth);
    find(".hot-rows").style.gridTemplateRows = along(find(".hot-rows"), pic.scrollTop, pic.clientHeight, pic.scrollHeight);
  }

  say();
  enhancePictures(find("[data-pictures]"), { towards, moved: letters });
}

// Map points: a click or a crosshair moved by arrows writes two numbers; a name from the list takes their place.
// Markup: templates/questions/page/map-point.html

function enhanceMap(field) {
  fill(field, "answer");
  const find = (selector) => field.querySelector(selector);
  const pane = find("[data-pane]");
  const cross = find("[data-crosshair]");
  const mark = find("[data-mark]");
  const list = find("select");
  const [x, y] = field.querySelectorAll('input[type="hidden"]');
  const given = find("[data-given]");

  function say() {
    const point = x.value && y.value && !list.value;
    mark.setAttribute("transform", `translate(${Number(x.value) * 2} ${Number(y.value)})`);
    mark.setAttribute("visibility", point ? "visible" : "hidden");
    if (point) given.textContent = given.dataset.point.replace("{x}", x.value).replace("{y}", y.value);
    else given.textContent = list.value ? list.selectedOptions[0].textContent : given.dataset.none;
    find("[data-clear]").hidden = !point && !list.value;
  }

  function point(across, down) {
    const round = (value) => String(Math.round(Math.min(100, Math.max(0, value)) * 10) / 10);
    [x.value, y.value, list.value] = [round(across), round(down), ""];
    changed(x);
  }

  cross.removeAttribute("aria-hidden");
  cross.setAttribute("tabindex", "0");
  cross.setAttribute("role", "application");
  cross.setAttribute("aria-label", cross.dataset.label);
  cross.addEventListener("click", (event) => {
    const seen = cross.getBoundingClientRect();
    point(((event.clientX - seen.left) / seen.width) * 100, ((event.clientY - seen.top) / seen.height) * 100);
  });
  cross.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || modified(event)) return;
    event.preventDefault();
    const size = event.shiftKey ? 5 : 1;
    const middle = (from, seen, all) => Math.round(((from + seen / 2) / all) * 100);
    if (x.value && y.value) point(Number(x.value) + step[0] * size, Number(y.value) + step[1] * size);
    else point(middle(pane.scrollLeft, pane.clientWidth, pane.scrollWidth), middle(pane.scrollTop, pane.clientHeight, pane.scrollHeight));
    const here = [(Number(x.value) / 100) * pane.scrollWidth, (Number(y.value) / 100) * pane.scrollHeight];
    pane.scrollTo(here[0] - pane.clientWidth / 2, here[1] - pane.clientHeight / 2);
  });
  find("[data-clear]").addEventListener("click", () => {
    [x.value, y.value, list.value] = ["", "", ""];
    cross.focus({ preventScroll: true });
    changed(list);
  });
  field.addEventListener("change", (event) => {
    if (event.target === list && list.value) [x.value, y.value] = ["", ""];
    say();
  });
  enhancePictures(find("[data-pictures]"), {
    towards: () => x.value && y.value && [(Number(x.value) / 100) * pane.scrollWidth, (Number(y.value) / 100) * pane.scrollHeight],
  });
  say();
}

// Scenarios: the next step appears when one has gone on, without the server. Markup: templates/questions/page/scenario.html

function enhanceScenario(way) {
  const steps = [...way.children];
  const start = steps[0];
  const end = way.parentElement.querySelector("[data-end]");
  const back = "back" in way.dataset;
  const past = new Set(steps.filter((step) => "past" in step.dataset));
  const chosen = (step) => step.querySelector("input:checked");
  const after = (step) => steps.find((one) => one.dataset.step === chosen(step)?.dataset.next);

  // The way as it is taken now: as far as one has gone on, and one step more.
  function path() {
    const found = [];
    for (let here = start; here; here = after(here)) {
      found.push(here);
      const next = chosen(here) && after(here);
      if (next && chosen(next)) past.add(here);
      if (!chosen(here) || !past.has(here)) break;
    }
    return found;
  }

  function draw() {
    const found = path();
    const order = [...found, ...steps.filter((step) => !found.includes(step))];
    if (order.some((step, i) => step !== way.children[i])) {
      const focused = document.activeElement; // moving a step takes the focus from it
      way.append(...order);
      if (way.contains(focused)) focused.focus();
    }
    for (const step of steps) {
      const gone = past.has(step) && found.includes(step) && chosen(step);
      step.hidden = !found.includes(step);
      step.toggleAttribute("data-past", Boolean(gone));
      step.querySelector(".go-on").hidden = Boolean(gone);
      for (const input of step.querySelectorAll("input")) input.disabled = Boolean(gone) && !back && !input.checked;
      for (const reply of step.querySelectorAll("[data-reply]")) reply.hidden = !gone || reply.dataset.reply !== chosen(step).value;
    }
    const last = found[found.length - 1];
    end.hidden = !(past.has(last) && chosen(last));
    return last;
  }

  function goOn(step) {
    if (!chosen(step)) {
      step.querySelector("input").focus();
      return;
    }
    past.add(step);
    const last = draw();
    (step.querySelector("[data-reply]:not([hidden])") || (last === step ? end : last)).focus();
  }

  way.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    event.preventDefault();
    goOn(button.closest("li"));
  });
  way.addEventListener("keydown", (event) => {
    const step = event.target.closest("li");
    if (event.key !== "Enter" || !event.target.matches("input") || past.has(step)) return;
    event.preventDefault();
    goOn(step);
  });
  way.addEventListener("change", (event) => {
    // What lay on a way that is no longer taken is forgotten, but not while answers come back from the browser's store.
    if (event.isTrusted) for (const step of steps.filter((one) => !path().includes(one))) {
      past.delete(step);
      const input = chosen(step);
      if (input) input.checked = false;
      input?.closest(".choice").classList.remove("on");
    }
    draw();
  });
  draw();
}

for (const field of document.querySelectorAll("[data-hotspot]")) enhanceHotspot(field);
for (const field of document.querySelectorAll("[data-map]")) enhanceMap(field);
for (const way of document.querySelectorAll("[data-scenario]")) enhanceScenario(way);
for (const box of document.querySelectorAll("[data-pictures]")) if (box.querySelector("[data-tools]")) enhancePictures(box);

// Ordering questions: buttons that move a step up or down and write its number; whoever fills the fields by hand needs no
// button. Markup: templates/questions/page/ordering.html

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

// Free text: how many words are written so far. Without this file the number is that of the last save.

for (const shown of document.querySelectorAll("[data-words]")) {
  const area = document.getElementById(shown.dataset.wordsOf);
  const say = () => {
    shown.textContent = shown.textContent.replace(/\d+/, area.value.split(/\s+/).filter(Boolean).length);
  };
  area.addEventListener("input", say);
  area.addEventListener("change", say);
  say();
}
