// Shares as people read them: the rules of sim/statistics/shown.py, with blanks that do not break.

function points(share) {
  if (share < 0.01) return "under 1";
  if (share >= 0.975) return "over 95";
  return share < 0.1 ? String(Math.floor(share * 100 + 0.5 + 1e-9)) : String(5 * Math.floor(share * 20 + 0.5 + 1e-9));
}

const percent = (share) => `${points(share)}\u00a0%`;

function between(low, high) {
  const first = points(low), last = points(high);
  if (first === last) return first;
  if (first === "under 1") return last === "over 95" ? "anything" : `up to ${last}`;
  return last === "over 95" ? `${first} or more` : `${first}–${last}`;
}

function withRange(share, low, high) {
  const alike = points(low) === points(high) && points(low) === points(share);
  return alike ? percent(share) : `${percent(share)} (${between(low, high)})`;
}

/** A count of histories; what is hardly one is said so. */
const counted = (number) => (number > 0 && number < 1 ? "under 1" : Math.round(number).toLocaleString("en-US"));

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The date some days after the forecast. */
function dateOf(asOf, day) {
  const date = new Date(`${asOf}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + day);
  return `${date.getUTCDate()}\u00a0${MONTHS[date.getUTCMonth()]}\u00a0${date.getUTCFullYear()}`;
}

/** A setting as text for an address: only what differs from the default, by name, ends as numbers. */
function written(carried, setting) {
  const found = new URLSearchParams();
  carried.statements.forEach((statement, s) => {
    const dial = setting.statements[s];
    if (dial.weight !== 0) found.set(`w.${statement.name}`, dial.weight);
    if (dial.stated !== statement.stated) found.set(`p.${statement.name}`, dial.stated);
    if (dial.days.join() !== statement.days.join()) found.set(`by.${statement.name}`, dial.days.join("-"));
  });
  for (const input of carried.inputs) {
    const range = setting.inputs[input.name];
    if (range === undefined) continue;
    if (input.levels) found.set(`l.${input.name}`, range.map((place) => input.levels[place].name).join("-"));
    else {
      const last = input.edges.length - 1;
      const low = range[0] > 0 ? input.edges[range[0]] : "", high = range[1] < last ? input.edges[range[1]] : "";
      found.set(`i.${input.name}`, `${low}..${high}`);
    }
  }
  return found.toString();
}

/** The setting that an address writes, and what in it this page does not have. */
function readBack(carried, text) {
  const setting = plain(carried), unknown = [];
  for (const [key, value] of new URLSearchParams(text)) {
    const name = key.slice(key.indexOf(".") + 1), kind = key.slice(0, key.indexOf("."));
    const s = carried.statements.findIndex((one) => one.name === name);
    const input = carried.inputs.find((one) => one.name === name);
    const known = kind === "i" || kind === "l" ? input && readInput(input, kind, value, setting)
      : s >= 0 && readStatement(carried, s, kind, value, setting.statements[s]);
    if (!known) unknown.push(key);
  }
  return { setting, unknown };
}

function readStatement(carried, s, kind, value, dial) {
  const number = Number(value), statement = carried.statements[s];
  if (kind === "w" && value !== "" && number >= 0 && number <= 1) dial.weight = number;
  else if (kind === "p" && number >= 0.01 && number <= 0.99) dial.stated = number;
  else if (kind === "by") {
    const days = value.split("-").map(Number);
    const all = days.join() === statement.days.join();
    const may = statement.milestone !== null ? days[0] >= 1 && days[0] <= carried.until : statement.days.includes(days[0]);
    if (!all && !(days.length === 1 && Number.isInteger(days[0]) && may)) return false;
    dial.days = days;
  } else return false;
  return true;
}

function readInput(input, kind, value, setting) {
  if (kind === "l" && input.levels) {
    const places = value.split("-").map((name) => input.levels.findIndex((level) => level.name === name));
    if (value !== "" && places.includes(-1)) return false;
    setting.inputs[input.name] = value === "" ? [] : places;
    return true;
  }
  const ends = value.split("..");
  if (kind !== "i" || input.levels || ends.length !== 2 || ends.some((end) => Number.isNaN(Number(end)))) return false;
  const last = input.edges.length - 1;
  const nearest = (end) => input.edges.reduce((best, edge, k) =>
    (Math.abs(edge - end) < Math.abs(input.edges[best] - end) ? k : best), 0);
  const low = ends[0] === "" ? 0 : nearest(Number(ends[0])), high = ends[1] === "" ? last : nearest(Number(ends[1]));
  if (low > high) return false;
  if (low > 0 || high < last) setting.inputs[input.name] = [low, high];
  return true;
}

/** The default: no statement has weight, no input is narrowed. */
function plain(carried) {
  const statements = carried.statements.map((one) => ({ weight: 0, stated: one.stated, days: [...one.days] }));
  return { statements, inputs: {} };
}
