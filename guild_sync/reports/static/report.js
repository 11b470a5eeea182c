"use strict";
// What pages do beside showing: tables that sort, runs that are filtered and ticked, a comparison.
// Text of runs becomes text alone: nothing here reads markup.
document.documentElement.classList.add("scripted");

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// ---- tables that sort

function keyOf(cell) {
  if (!cell) return "";
  const time = cell.querySelector("time");
  return cell.dataset.n ?? (time ? time.dateTime : cell.textContent.trim());
}

function asNumber(key) {
  if (key === "") return NaN;
  const found = Number(key === "inf" ? "Infinity" : key === "-inf" ? "-Infinity" : key.replace(/,/g, ""));
  return found;
}

function sortBy(table, heading) {
  const at = heading.cellIndex;
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, key: keyOf(row.cells[at]) }));
  const there = rows.filter(({ key }) => key !== "" && key !== "nan");
  const numbers = there.every(({ key }) => !Number.isNaN(asNumber(key)));
  const collator = new Intl.Collator(undefined, { numeric: true });
  const compare = numbers
    ? (one, other) => asNumber(one.key) - asNumber(other.key)
    : (one, other) => collator.compare(one.key, other.key);
  there.sort((one, other) => (down ? -1 : 1) * compare(one, other));
  const rest = rows.filter(({ key }) => key === "" || key === "nan"); // what is not known comes last
  body.append(...[...there, ...rest].map(({ row }) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const heading of table.tHead.rows[0].cells) {
    if (heading.dataset.fixed !== undefined) continue;
    const button = element("button", { type: "button" }, ...heading.childNodes);
    button.addEventListener("click", () => sortBy(table, heading));
    heading.append(button);
  }
}

// ---- ticked runs, which go along from page to page

// By the tab's memory, which some browsers have for each file alone, and by the links that lead on.
const TICKED = "guild-ticked";

function ticksOfBefore() {
  try {
    return (sessionStorage.getItem(TICKED) || "").split(",").filter(Boolean);
  } catch {
    return [];
  }
}

function keepTicks(ids) {
  try {
    sessionStorage.setItem(TICKED, ids.join(","));
  } catch { /* then links alone tell */ }
  for (const link of document.querySelectorAll("header.top nav a")) {
    const [page] = link.getAttribute("href").split("#");
    const hash = page.endsWith("compare.html") ? ids.join(",") : page.endsWith("runs.html") ? `ticked=${ids.join(",")}` : "";
    link.setAttribute("href", hash && ids.length ? `${page}#${hash}` : page);
  }
  for (const button of document.querySelectorAll("button.untick")) {
    button.hidden = !ids.length;
    button.title = `${ids.length} ticked in the table of runs`;
  }
}

function whenUnticked(then) {
  for (const button of document.querySelectorAll("button.untick")) button.addEventListener("click", then);
}

// ---- the table of runs: filters, columns, ticks

const tools = document.getElementById("tools");
if (tools) {
  const table = document.getElementById("runs");
  const rows = [...table.tBodies[0].rows];
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const fields = { q: document.getElementById("q"), status: document.getElementById("status"), op: document.getElementById("op") };
  const ticked = new Set();

  const show = () => {
    const words = fields.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const meant =
        (!fields.status.value || row.dataset.status === fields.status.value) &&
        (!fields.op.value || row.dataset.op === fields.op.value) &&
        words.every((word) => texts.get(row).includes(word));
      row.hidden = !meant;
      count += meant;
    }
    document.getElementById("none").hidden = count > 0 || !rows.length;
    document.getElementById("shown").textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
  };

  const keep = () => {
    const said = new URLSearchParams();
    for (const [name, field] of Object.entries(fields)) if (field.value) said.set(name, field.value);
    if (ticked.size) said.set("ticked", [...ticked].join(","));
    history.replaceState(null, "", said.size ? `#${said}` : location.pathname + location.search);
  };

  const read = () => {
    const said = new URLSearchParams(location.hash.slice(1));
    for (const [name, field] of Object.entries(fields)) field.value = said.get(name) || "";
    if (said.has("ticked")) tick(said.get("ticked").split(","));
    show();
  };

  const tell = () => {
    const button = document.getElementById("compare");
    button.textContent = ticked.size ? `Compare ${ticked.size}` : "Compare";
    button.setAttribute("aria-disabled", String(ticked.size < 1));
    button.href = `compare.html#${[...ticked].join(",")}`;
    keepTicks([...ticked]);
  };

  const boxes = new Map([...table.querySelectorAll("tbody input")].map((box) => [box.value, box]));
  const tick = (ids) => {
    ticked.clear();
    for (const id of ids) if (boxes.has(id)) ticked.add(id);
    for (const [id, box] of boxes) {
      box.checked = ticked.has(id);
      box.closest("tr").classList.toggle("ticked", box.checked);
    }
    tell();
  };

  for (const field of Object.values(fields)) {
    field.addEventListener("input", () => { show(); keep(); });
  }
  tools.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", read);
  table.addEventListener("change", ({ target }) => {
    if (target.type !== "checkbox") return;
    if (target.checked) ticked.add(target.value); else ticked.delete(target.value);
    target.closest("tr").classList.toggle("ticked", target.checked);
    tell();
    keep();
  });
  whenUnticked(() => { tick([]); keep(); });
  const choice = document.getElementById("columns");
  const none = element("button", { type: "button", "aria-label": "Untick all columns" }, "Untick all");
  none.addEventListener("click", () => { for (const box of choice.querySelectorAll("input:checked")) box.click(); });
  if (choice) choice.append(none);
  for (const heading of choice ? table.querySelectorAll("th[data-column]") : []) {
    const at = heading.cellIndex;
    const box = element("input", { type: "checkbox" });
    const put = () => {
      for (const row of table.rows) row.cells[at].hidden = !box.checked;
      none.disabled = !choice.querySelector("input:checked");
    };
    box.checked = heading.dataset.later === undefined;
    box.addEventListener("change", put);
    if (!box.checked) put();
    const kind = heading.classList.contains("scalar") ? "scalar" : "flag";
    choice.append(element("label", {}, box, heading.textContent, element("small", {}, kind)));
  }
  tick(ticksOfBefore()); // whatever a browser has kept in the boxes
  read();
} else {
  if (document.getElementById("compared") === null || !location.hash.slice(1)) keepTicks(ticksOfBefore());
  whenUnticked(() => keepTicks([]));
}

// ---- numbers beside an axis, the same that curves/scale.py writes

function general(number, digits) {
  if (number === 0) return "0";
  const [mantissa, exponent] = number.toExponential(digits - 1).split("e");
  if (exponent >= -4 && exponent < digits) return String(+number.toPrecision(digits));
  return `${+mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

function written(number, step) {
  const size = Math.abs(number);
  for (const [least, unit, one] of [[1e9, "G", 1e9], [1e6, "M", 1e6], [1e4, "k", 1e3]]) {
    if (least <= size && size < 1e12 && size < 5000 * step) return general(number / one, 4) + unit;
  }
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return digits > 5 || size >= 1e7 ? general(number, 6) : (number + 0).toFixed(digits);
}

function ticks(low, high, most) {
  const ends = [low, high].map((number) => [number, general(number, 6)]);
  const span = ((high / 2 - low / 2) / Math.max(1, most)) * 2;
  if (!(span > 1e-300 && span < 1e300)) return ends;
  const power = Number(`1e${Math.floor(Math.log10(span))}`);
  const step = [1, 2, 5, 10, 20].map((factor) => power * factor).find((found) => found >= span);
  const [first, last] = [Math.ceil(low / step), Math.floor(high / step)];
  if (last - first > 2 * most) return ends;
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => [(first + at) * step, written((first + at) * step, step)]);
}

// ---- runs beside each other

const place = document.getElementById("compared");
if (place) {
  const names = ["id", "operation", "status", "said", "label", "started", "seconds", "flags", "scalars", "source", "command", "objective"];
  const known = new Map(
    JSON.parse(document.getElementById("data").textContent).map((values) => {
      const run = Object.fromEntries(names.map((name, at) => [name, values[at]]));
      for (const named of [run.flags, run.scalars]) Object.setPrototypeOf(named, null); // it has what it has
      return [run.id, run];
    }),
  );

  const curvesOf = (scalar) => {
    const [, , , spark, [x0, x1, y0, y1]] = scalar;
    const at = (text, from, low, high) => {
      const part = parseInt(text.slice(from, from + 2), 36) / 1295;
      return low * (1 - part) + high * part;
    };
    const points = [];
    for (let from = 0; from + 4 <= spark.length; from += 4) {
      points.push([at(spark, from, x0, x1), at(spark, from + 2, y0, y1)]);
    }
    return points;
  };

  const svg = (name, attributes, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  const chart = (name, runs) => {
    const [width, height, left, right, top, bottom] = [320, 168, 46, 10, 8, 22];
    const lines = runs.map((run) => (run.scalars[name]?.[3] ? curvesOf(run.scalars[name]) : []));
    const all = lines.flat();
    if (!all.length) return null;
    const ends = [0, 1].map((axis) => {
      let low = Infinity, high = -Infinity;
      for (const point of all) { low = Math.min(low, point[axis]); high = Math.max(high, point[axis]); }
      // Halves: the difference of two large numbers may be none that there is; by less nothing can be divided.
      const half = high / 2 - low / 2;
      const air = half > 1e-290 ? half * 0.08 : Math.abs(low) > 1e-288 ? Math.abs(low) / 10 : 1;
      return [Math.max(low - air, -Number.MAX_VALUE), Math.min(high + air, Number.MAX_VALUE)];
    });
    const part = (value, [low, high]) => (value / 2 - low / 2) / (high / 2 - low / 2);
    const x = (value) => left + part(value, ends[0]) * (width - left - right);
    const y = (value) => height - bottom - part(value, ends[1]) * (height - top - bottom);
    const made = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${name} by step, of ${runs.length} runs` });
    for (const [value, text] of ticks(...ends[1], 5)) {
      made.append(svg("path", { class: "grid", d: `M${left} ${y(value)}H${width - right}` }));
      made.append(svg("text", { x: left - 6, y: y(value) + 3.5, class: "end" }, text));
    }
    for (const [value, text] of ticks(...ends[0], 5)) {
      made.append(svg("text", { x: x(value), y: height - 6, class: "mid" }, text));
    }
    lines.forEach((points, at) => {
      if (!points.length) return;
      const d = points.map(([px, py], i) => `${i ? "L" : "M"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join("");
      const tone = `curve k${at % 8} d${Math.floor(at / 8) % 3}`;
      made.append(svg("path", { class: tone, d: points.length > 1 ? d : `${d}h0` }, svg("title", {}, `${runs[at].id.slice(0, 8)} ${runs[at].label}`)));
    });
    return element("figure", {}, element("figcaption", {}, name), made);
  };

  const bestOf = (name, runs) => {
    // Which is best is known of an objective alone.
    const objective = runs.map((run) => run.objective).find((text) => text.replace(/^-/, "") === name);
    if (!objective) return null;
    const values = runs.map((run) => asNumber(run.scalars[name]?.[0] ?? ""));
    const there = values.filter(Number.isFinite);
    return there.length > 1 ? (objective.startsWith("-") ? Math.max(...there) : Math.min(...there)) : null;
  };

  const lineOf = (heading, runs, value, best) => {
    const texts = runs.map(value);
    const row = element("tr", {}, element("th", { scope: "row" }, heading));
    if (new Set(texts).size > 1) row.classList.add("differs");
    for (const text of texts) {
      const cell = element("td", { class: "wrap" }, text);
      if (best !== null && best !== undefined && asNumber(text) === best) {
        cell.classList.add("best");
        cell.append(element("span", { class: "sr" }, " (best)"));
      }
      row.append(cell);
    }
    return row;
  };

  const date = (microseconds) => (microseconds === null ? "" : new Date(microseconds / 1000).toLocaleString("sv"));
  const took = (seconds) => {
    if (seconds === null) return "";
    if (seconds < 10) return `${+seconds.toPrecision(2)}s`;
    const whole = Math.round(seconds);
    const parts = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]].reduce(
      ([texts, left], [unit, length]) => [left >= length ? [...texts, `${Math.floor(left / length)}${unit}`] : texts, left % length],
      [[], whole],
    );
    return parts[0].join("");
  };

  const namesOf = (runs, kind) => {
    const found = [...new Set(runs.flatMap((run) => Object.keys(run[kind])))].sort();
    const text = (run, name) => (kind === "flags" ? run.flags[name] : run.scalars[name]?.[0]) ?? "";
    const differs = (name) => new Set(runs.map((run) => text(run, name))).size > 1;
    return [...found.filter(differs), ...found.filter((name) => !differs(name))];
  };

  const nothing = [...place.childNodes]; // what is said where none is ticked
  const show = () => {
    const ids = [...new Set(location.hash.slice(1).split(","))].filter(Boolean);
    const runs = ids.map((id) => known.get(id)).filter(Boolean);
    if (ids.length) keepTicks(runs.map((run) => run.id));
    if (!runs.length) {
      if (ids.length) place.replaceChildren(element("p", { class: "empty" }, "Those runs are not in this report."));
      return;
    }
    const head = element("tr", {}, element("th", { scope: "col" }, element("span", { class: "sr" }, "What")));
    runs.forEach((run, at) => {
      const link = element("a", { href: `runs/${run.id}.html`, class: "id" }, run.id.slice(0, 8));
      head.append(element("th", { scope: "col" }, element("span", { class: `key k${at % 8}` }), link));
    });
    const body = element("tbody", {});
    const group = (text) => body.append(element("tr", { class: "group" }, element("th", { scope: "rowgroup", colspan: runs.length + 1 }, text)));
    const line = (heading, value, best) => body.append(lineOf(heading, runs, value, best));
    line("Operation", (run) => run.operation);
    const states = lineOf("Status", runs, (run) => run.said);
    [...states.cells].slice(1).forEach((cell, at) => {
      cell.replaceChildren(element("span", { class: `badge s-${runs[at].status}` }, runs[at].said));
    });
    body.append(states);
    line("Label", (run) => run.label);
    line("Started", (run) => date(run.started));
    line("Took", (run) => took(run.seconds));
    line("Source code", (run) => run.source);
    const flags = namesOf(runs, "flags");
    if (flags.length) group("Flags");
    for (const name of flags) line(name, (run) => run.flags[name] ?? "");
    const scalars = namesOf(runs, "scalars");
    if (scalars.length) group("Scalars, the last number");
    for (const name of scalars) line(name, (run) => run.scalars[name]?.[0] ?? "", bestOf(name, runs));
    const table = element("table", { class: "compared" }, element("thead", {}, head), body);
    const all = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Runs beside each other" }, table);
    const charts = element("div", { class: "charts" }, ...scalars.map((name) => chart(name, runs)).filter(Boolean));
    place.replaceChildren(all, element("h2", {}, "Curves"), charts);
    if (!charts.childElementCount) place.lastElementChild.previousElementSibling.remove();
    document.title = `Compare ${runs.length} runs`;
  };
  addEventListener("hashchange", show);
  whenUnticked(() => {
    history.replaceState(null, "", location.pathname + location.search);
    place.replaceChildren(...nothing);
    document.title = "Compare runs";
  });
  show();
}
