// The dials of the page and what comes of them. Labels are put in as text only.

const SVG = "http://www.w3.org/2000/svg";
/** Tops of the axis of chances; the lowest that holds all is taken. */
const TOPS = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1];
const FRAME = { left: 44, right: 348, top: 10, foot: 166 };
const START = "set&";

async function start() {
  const holder = document.getElementById("carried");
  if (!holder || typeof DecompressionStream === "undefined") return;
  const carried = JSON.parse(holder.textContent);
  const columns = await unpacked(carried);
  const page = document.getElementById("live");
  const at = (id) => document.getElementById(id);
  let setting = plain(carried);
  const base = results(weigh(carried, columns, setting));
  let waiting = 0;

  function results(law) {
    const bands = {}, bars = {};
    return {
      law,
      band: (name) => (bands[name] ??= bandOf(carried, columns, law, name)),
      bars: (day) => (bars[day] ??= barsOf(carried, columns, law, day)),
    };
  }

  // --------------------------------------------------------------------------------------------------------- shown
  const ranged = (found) => carried.sets > 0 && found.law.known.length >= carried.few_sets;
  const said = (found, [chance, low, high]) => (ranged(found) ? withRange(chance, low, high) : percent(chance));

  function asked(found, day) {
    if (carried.event.kind === "milestones") return found.band(carried.event.name)[day];
    return found.bars(day)[carried.outcomes.findIndex((one) => one.name === carried.event.name)];
  }

  function show() {
    const text = written(carried, setting);
    const found = text ? results(weigh(carried, columns, setting)) : base;
    const few = found.law.left < carried.few, law = found.law;
    page.classList.toggle("too-few", few);
    at("live-state").textContent = text ? "Under your setting" : "Nothing is set: this is the default.";
    at("live-reset").disabled = !text;
    at("live-left").replaceChildren(`Histories left: ${counted(law.left)} of ${carried.n.toLocaleString("en-US")}`,
      ...(few ? [" ", mark("too few histories left to say")] : []));
    at("live-bend").textContent = bends(law, few);
    for (const cell of page.querySelectorAll("[data-default]"))
      cell.textContent = said(base, asked(base, Number(cell.dataset.default)));
    for (const cell of page.querySelectorAll("[data-dialled]"))
      cell.textContent = few ? "–" : said(found, asked(found, Number(cell.dataset.dialled)));
    showBars(found, few);
    if (at("live-chart")) showCurve(found, few);
    const main = [...page.querySelectorAll("[data-dialled]")].map((cell) => Number(cell.dataset.dialled));
    const day = main[Math.max(main.length - 2, 0)];
    const event = carried[carried.event.kind].find((one) => one.name === carried.event.name).label;
    at("live-bar").textContent = `${event} ${carried.event.kind === "milestones" ? "by" : "on"} ${dateOf(carried.as_of, day)}: ` +
      `default ${said(base, asked(base, day))}, yours ${few ? "too few histories left to say" : said(found, asked(found, day))}`;
    const capped = cappedWeights(carried.statements, setting.statements.map((dial) => dial.weight));
    page.querySelectorAll("[data-statement]").forEach((box, s) => {
      const cut = capped[s] < setting.statements[s].weight;
      box.querySelector(".capped").textContent = cut ? `counted as ${capped[s].toFixed(2)}: another statement is of the same origin` : "";
    });
    return text;
  }

  function mark(words) {
    const warning = document.createElement("span");
    warning.className = "live-warn";
    warning.textContent = words;
    return warning;
  }

  function bends(law, few) {
    const parts = [];
    if (law.kept < carried.n) parts.push(`${counted(law.kept)} histories lie within your ranges.`);
    if (law.nats > 0) {
      const far = law.nats > carried.far ? "; the statement replaces the model" : "";
      parts.push(`How far the statements bend the model: ${law.nats.toFixed(2)} nats${far}.`);
    }
    if (!few && carried.sets && law.known.length < carried.few_sets)
      parts.push("Too few draws of the inputs are left to give a range over them.");
    return parts.join(" ");
  }

  function showBars(found, few) {
    const day = Number(at("live-day").value), default_ = base.bars(day), yours = found.bars(day);
    page.querySelectorAll("[data-live-outcome]").forEach((row, i) => {
      const set = (kind, from, to) => {
        const rect = row.querySelector(`.${kind}`);
        rect.setAttribute("x", 100 * from);
        rect.setAttribute("width", Math.max(100 * (to - from), 0) || 0);
      };
      const [chance, low, high] = yours[i].map((value) => (few ? 0 : value));
      set("band", ranged(found) ? low : 0, ranged(found) ? high : 0);
      set("bar", 0, chance);
      set("was", 0, default_[i][0]);
      row.cells[2].textContent = percent(default_[i][0]);
      row.cells[3].textContent = few ? "–" : said(found, yours[i]);
    });
  }

  // --------------------------------------------------------------------------------------------------- drawn by day
  function drawn(kind, attributes, text) {
    const made = document.createElementNS(SVG, kind);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function showCurve(found, few) {
    const one = carried.milestones[Number(at("live-milestone").value)];
    const was = base.band(one.name), yours = few ? null : found.band(one.name);
    const most = Math.max(...was.map((three) => three[0]), ...(yours ? yours.map((three) => three[ranged(found) ? 2 : 0]) : []));
    const top = TOPS.find((value) => value >= most - 1e-9);
    const x = (day) => FRAME.left + ((FRAME.right - FRAME.left) * day) / carried.until;
    const y = (share) => FRAME.top + (FRAME.foot - FRAME.top) * (1 - share / top);
    const path = (values) => values.map((value, day) => `${x(day).toFixed(1)} ${y(value).toFixed(1)}`);
    const parts = [];
    for (let step = 0; step <= 5; step++) {
      const share = (top * step) / 5, height = y(share);
      parts.push(drawn("path", { class: "grid", d: `M${FRAME.left} ${height}H${FRAME.right}` }));
      parts.push(drawn("text", { class: "tick end", x: FRAME.left - 5, y: height + 3.5 }, `${Number((100 * share).toFixed(1))}\u00a0%`));
    }
    for (let step = 0; step <= 3; step++) {
      const day = Math.round((carried.until * step) / 3), way = ["start", "middle", "middle", "end"][step];
      const text = dateOf(carried.as_of, day).split("\u00a0").slice(0, 2).join(" ");
      parts.push(drawn("text", { class: `tick ${way}`, x: x(day), y: 183 }, text));
    }
    if (yours && ranged(found)) {
      const outline = [...path(yours.map((three) => three[2])), ...path(yours.map((three) => three[1])).reverse()];
      parts.push(drawn("path", { class: "band", d: `M${outline.join("L")}Z` }));
    }
    if (yours) parts.push(drawn("path", { class: "line", d: `M${path(yours.map((three) => three[0])).join("L")}` }));
    parts.push(drawn("path", { class: "line was", d: `M${path(was.map((three) => three[0])).join("L")}` }));
    at("live-chart").replaceChildren(...parts);
    const last = (curve) => said(curve === was ? base : found, curve[carried.until]);
    at("live-chart").setAttribute("aria-label", `chance of ${one.label} by ${dateOf(carried.as_of, carried.until)}: ` +
      `default ${last(was)}, under your setting ${yours ? last(yours) : "too few histories left to say"}`);
  }

  // ---------------------------------------------------------------------------------------------------------- dials
  /** The dials as the setting has them; `afresh`: a deadline of one's own gives way to the reading of the same day. */
  function showDials(afresh = false) {
    page.querySelectorAll("[data-statement]").forEach((box, s) => {
      const dial = setting.statements[s], statement = carried.statements[s];
      const put = (name, value) => box.querySelectorAll(`[data-dial="${name}"]`).forEach((field) => {
        if (field !== document.activeElement || Number(field.value) !== value) field.value = Number(value.toFixed(4));
      });
      put("weight", dial.weight);
      put("stated", dial.stated);
      const choice = box.querySelector("select");
      const known = dial.days.length > 1 ? "all" : statement.days.includes(dial.days[0]) ? String(dial.days[0]) : "other";
      if (afresh || dial.days.length > 1 || choice.value !== "other") choice.value = known;
      if (dial.days.length === 1) put("day", dial.days[0]);
      const other = box.querySelector(".other");
      if (other) other.hidden = choice.value !== "other";
    });
    for (const box of page.querySelectorAll("[data-input]")) showInput(box);
  }

  const inputOf = (box) => carried.inputs.find((one) => one.name === box.dataset.input);

  function showInput(box) {
    const input = inputOf(box), range = setting.inputs[input.name];
    box.classList.toggle("set", range !== undefined);
    if (input.levels) {
      box.querySelectorAll("input").forEach((field, place) => (field.checked = range === undefined || range.includes(place)));
      return;
    }
    const last = input.edges.length - 1, [low, high] = range ?? [0, last];
    const [from, to] = box.querySelectorAll("input");
    [from.value, to.value] = [low, high];
    // Where both stand at the top, the lower one has to be within reach.
    from.classList.toggle("above", low > last / 2);
    from.setAttribute("aria-valuetext", low > 0 ? input.shown[low] : "the lowest");
    to.setAttribute("aria-valuetext", high < last ? input.shown[high] : "the highest");
    const inner = [0.1, 0.9].map((share) => input.shown[Math.round(share * last)]).join(" to ");
    box.querySelector(".chosen").textContent = !range ? `any (10–90\u00a0%: ${inner})` : low === 0 ? `up to ${input.shown[high]}`
      : high === last ? `from ${input.shown[low]} on` : `${input.shown[low]} to ${input.shown[high]}`;
  }

  function turned(event) {
    const field = event.target, box = field.closest("[data-statement]"), narrowed = field.closest("[data-input]");
    if (box) {
      const dial = setting.statements[Number(box.dataset.statement)];
      const statement = carried.statements[Number(box.dataset.statement)];
      const value = Number(field.value), wrong = field.value === "" || !field.checkValidity();
      if (field.dataset.dial !== "reading" && wrong) return; // not yet a number within its ends
      if (field.dataset.dial === "weight") dial.weight = value;
      if (field.dataset.dial === "stated") dial.stated = value;
      if (field.dataset.dial === "day") dial.days = [Math.round(value)];
      if (field.dataset.dial === "reading")
        dial.days = field.value === "all" ? [...statement.days]
          : [Number(field.value === "other" ? box.querySelector('[data-dial="day"]').value : field.value)];
    } else if (narrowed) narrow(narrowed, field);
    else if (field.id === "live-find") return find();
    showDials();
    later();
  }

  function narrow(box, field) {
    const input = inputOf(box), fields = [...box.querySelectorAll("input")];
    if (input.levels) {
      const places = fields.flatMap((one, place) => (one.checked ? [place] : []));
      if (places.length < fields.length) setting.inputs[input.name] = places;
      else delete setting.inputs[input.name];
      return;
    }
    let [low, high] = fields.map((one) => Number(one.value));
    if (low > high) [low, high] = field === fields[0] ? [high, high] : [low, low];
    if (low > 0 || high < input.edges.length - 1) setting.inputs[input.name] = [low, high];
    else delete setting.inputs[input.name];
  }

  function find() {
    const wanted = at("live-find").value.trim().toLowerCase();
    let count = 0;
    for (const box of page.querySelectorAll("[data-input]")) {
      const input = inputOf(box);
      box.hidden = wanted !== "" && !`${input.label} ${input.says} ${input.name}`.toLowerCase().includes(wanted);
      if (!box.hidden) count++;
    }
    if (wanted) at("live-more").open = true;
    at("live-found").textContent = wanted ? `${count} of ${carried.inputs.length}` : "";
  }

  /** At the next frame: show, and keep the setting in the address, however often dials moved till then. */
  function later() {
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      keep(show());
    });
  }

  function keep(text) {
    const address = location.href.split("#")[0];
    at("live-link").value = text ? `${address}#${START}${text}` : address;
    const now = location.hash.startsWith(`#${START}`);
    if (text || now) {
      try {
        history.replaceState(null, "", text ? `#${START}${text}` : address);
      } catch {
        // A page within another may not touch its address; the link stands in its field.
      }
    }
  }

  function open() {
    if (!location.hash.startsWith(`#${START}`)) return false;
    const found = readBack(carried, location.hash.slice(START.length + 1));
    setting = found.setting;
    at("live-said").textContent = found.unknown.length ? `This page does not have: ${found.unknown.join(", ")}` : "";
    return true;
  }

  page.addEventListener("input", turned);
  page.addEventListener("change", (event) => {
    if (["live-day", "live-milestone"].includes(event.target.id)) later();
    if (event.target.type === "number") showDials();
  });
  page.addEventListener("click", async (event) => {
    const rule = event.target.closest("[data-rule]");
    if (rule) {
      const s = Number(rule.closest("[data-statement]").dataset.statement);
      setting.statements[s].weight = carried.statements[s].rule;
    } else if (event.target.id === "live-reset") {
      setting = plain(carried);
      at("live-said").textContent = "";
      showDials(true);
    } else if (event.target.id === "live-copy") {
      at("live-link").select();
      try {
        await navigator.clipboard.writeText(at("live-link").value);
        at("live-said").textContent = "Copied.";
      } catch {
        at("live-said").textContent = "The link is marked: copy it with your keyboard.";
      }
      return;
    } else return;
    showDials();
    later();
  });
  window.addEventListener("hashchange", () => {
    if (open()) {
      showDials(true);
      later();
    }
  });

  const linked = open();
  showDials();
  page.hidden = false;
  const way = document.createElement("a");
  way.href = "#live";
  way.textContent = page.querySelector("h2").textContent;
  document.querySelector("nav.screen")?.prepend(way, " ");
  keep(show());
  if (linked) page.scrollIntoView();
  performance.mark("live");
  // For whoever wants to ask from the console: every chance under a setting as `readBack` gives it.
  window.dials = {
    carried,
    plain: () => plain(carried),
    read: (text) => readBack(carried, text),
    written: (some) => written(carried, some),
    answer: (some) => everything(carried, columns, some),
    set: (some) => {
      setting = some;
      showDials(true);
      return show();
    },
  };
}

start();
