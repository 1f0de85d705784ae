"use strict";
// Histories weighed anew: the log-odds pool of sim/beliefs (weights.py, weighing.py, inputs.py) on carried columns.
// Everything here is plain numbers; live.js asks and shows.

/** Columns as arrays of whole numbers, name -> array; `packed` is zlib, then base64. */
async function unpacked(carried) {
  const text = atob(carried.packed);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const all = new Uint8Array(await new Response(stream).arrayBuffer());
  const found = {};
  for (const [name, [offset, length, planes]] of Object.entries(carried.columns)) {
    const low = all.subarray(offset, offset + length);
    found[name] = planes === 1 ? low : Uint16Array.from(low, (byte, i) => byte + 256 * all[offset + length + i]);
  }
  return found;
}

const logit = (share) => Math.log(share) - Math.log1p(-share);
/** A stated chance of 0 or 1 is read as .01 or .99. */
const statedOdds = (share) => logit(share === 0 || share === 1 ? Math.min(Math.max(share, 0.01), 0.99) : share);

/** An implied chance; 0 and 1 of n histories are read as (k + 1/2) / (n + 1). */
function sureImplied(share, n) {
  const k = share * n;
  return k <= 0 || k >= n ? (k + 0.5) / (n + 1) : share;
}

/** Which of `size` histories a setting's ranges and levels keep (Uint8Array), read from columns by place. */
function keptOf(carried, columns, ranges, size) {
  const kept = new Uint8Array(size).fill(1);
  for (const input of carried.inputs) {
    const range = ranges[input.name];
    if (range === undefined) continue;
    const column = columns[input.column];
    if (input.levels) {
      for (let i = 0; i < size; i++) if (!range.includes(column[i])) kept[i] = 0;
      continue;
    }
    // The outermost ends are open; an end that is chosen belongs to its range.
    const low = range[0] > 0 ? 2 * range[0] + 1 : 0;
    const high = range[1] < input.edges.length - 1 ? 2 * range[1] + 1 : Infinity;
    for (let i = 0; i < size; i++) if (column[i] < low || column[i] > high) kept[i] = 0;
  }
  return kept;
}

/** Whether the proposition of a statement holds by a day: a function of the history's number. */
function holdsBy(carried, columns, before, statement, day) {
  if (statement.milestone !== null) {
    const times = columns[`${before}milestone.${statement.milestone}`];
    return (i) => times[i] <= day;
  }
  const wanted = carried.outcomes.map((outcome) => statement.outcomes.includes(outcome.name));
  const ends = columns[`${before}outcome.${day}`];
  return (i) => wanted[ends[i]];
}

/** Weights, those of one origin scaled down so that they sum to the largest of them. */
function cappedWeights(statements, given) {
  return statements.map((statement, i) => {
    const mine = given.filter((_, k) => statements[k].origin === statement.origin);
    const total = mine.reduce((sum, weight) => sum + weight, 0);
    return total > 0 ? (given[i] * Math.max(...mine)) / total : 0;
  });
}

/** Days of every combination of readings, one a statement. */
function combinations(days) {
  return days.reduce((found, some) => found.flatMap((head) => some.map((day) => [...head, day])), [[]]);
}

const divided = new WeakMap();

/**
 * Cells: histories, then nested ones, that agree in every proposition; `rows` say of each proposition in which cells it
 * holds and, by history, where. They hang on the readings only, and the last ones are remembered.
 */
function cellsOf(carried, columns, days) {
  const key = JSON.stringify(days), last = divided.get(columns);
  if (last && last.key === key) return last;
  const n = carried.n, m = carried.sets * carried.each;
  const cell = new Int32Array(n + m), rows = [];
  let count = 1;
  carried.statements.forEach((statement, s) => {
    for (const day of days[s]) {
      const holds = new Uint8Array(n + m), ours = holdsBy(carried, columns, "", statement, day);
      for (let i = 0; i < n; i++) holds[i] = ours(i) ? 1 : 0;
      const theirs = m ? holdsBy(carried, columns, "nested.", statement, day) : null;
      for (let i = 0; i < m; i++) holds[n + i] = theirs(i) ? 1 : 0;
      const number = new Int32Array(2 * count).fill(-1);
      count = 0;
      for (let i = 0; i < n + m; i++) {
        const place = 2 * cell[i] + holds[i];
        if (number[place] < 0) number[place] = count++;
        cell[i] = number[place];
      }
      rows.push({ s, day, holds });
    }
  });
  for (const row of rows) {
    row.cells = new Uint8Array(count);
    for (let i = 0; i < n + m; i++) row.cells[cell[i]] = row.holds[i];
  }
  const found = { key, cell, count, rows };
  divided.set(columns, found);
  return found;
}

/** Ratio of the pooled law for every history and every nested one, and how far it bends the model (nats). */
function pooled(carried, columns, setting, kept) {
  const n = kept.length, m = carried.sets * carried.each;
  const one = { ratio: new Float64Array(n).fill(1), nested: new Float64Array(m).fill(1), nats: 0 };
  const given = cappedWeights(carried.statements, setting.statements.map((dial) => dial.weight));
  let total = 0;
  for (let i = 0; i < n; i++) total += kept[i];
  if (total === 0 || !given.some((weight) => weight > 0)) return one;
  const readings = setting.statements.map((dial) => dial.days);
  const { cell, count, rows } = cellsOf(carried, columns, readings);
  const held = new Float64Array(count), ratio = new Float64Array(count);
  for (let i = 0; i < n; i++) held[cell[i]] += kept[i];
  const own = rows.map((row) => logit(sureImplied(held.reduce((sum, k, c) => sum + k * row.cells[c], 0) / total, total)));
  const days = combinations(readings);
  for (const chosen of days) {
    const exponent = new Float64Array(count);
    chosen.forEach((day, s) => {
      const r = rows.findIndex((row) => row.s === s && row.day === day);
      const step = given[s] * (statedOdds(setting.statements[s].stated) - own[r]);
      for (let c = 0; c < count; c++) if (rows[r].cells[c]) exponent[c] += step;
    });
    const top = exponent.reduce((most, value) => Math.max(most, value), -Infinity);
    let whole = 0;
    for (let c = 0; c < count; c++) whole += (held[c] / total) * Math.exp(exponent[c] - top);
    for (let c = 0; c < count; c++) ratio[c] += Math.exp(exponent[c] - top) / whole / days.length;
  }
  for (let c = 0; c < count; c++) if (held[c] * ratio[c] > 0) one.nats += (held[c] / total) * ratio[c] * Math.log(ratio[c]);
  one.nats = Math.max(one.nats, 0);
  for (let i = 0; i < n; i++) one.ratio[i] = ratio[cell[i]];
  for (let i = 0; i < m; i++) one.nested[i] = ratio[cell[n + i]];
  return one;
}

/** Histories with their weights under a setting: everything that chances and ranges are read from. */
function weigh(carried, columns, setting) {
  const kept = keptOf(carried, columns, setting.inputs, carried.n);
  const law = pooled(carried, columns, setting, kept);
  let left = 0, sum = 0, squares = 0;
  for (let i = 0; i < carried.n; i++) {
    if (!kept[i]) law.ratio[i] = 0;
    left += kept[i];
    sum += law.ratio[i];
    squares += law.ratio[i] * law.ratio[i];
  }
  // A set of inputs has the number of the history that drew the same; each of its histories counts by its own weight.
  const known = [];
  for (let k = 0; k < carried.sets; k++) {
    if (!kept[k]) continue;
    let weight = 0, square = 0;
    for (let i = k * carried.each; i < (k + 1) * carried.each; i++) {
      weight += law.nested[i];
      square += law.nested[i] * law.nested[i];
    }
    if (weight > 0) known.push({ first: k * carried.each, weight, square });
  }
  const whole = known.reduce((total, set) => total + set.weight, 0);
  for (const set of known) {
    set.part = set.weight / whole;
    set.worth = Math.max((set.weight * set.weight) / set.square, 1 + 1e-9);
  }
  return { ...law, kept: left, sum, left: squares > 0 ? (sum * sum) / squares : 0, known };
}

/** Chance that a milestone has been reached by the end of each day 0 ... until. */
function curveOf(carried, columns, law, name) {
  const times = columns[`milestone.${name}`];
  const found = new Float64Array(carried.until + 2);
  for (let i = 0; i < carried.n; i++) found[times[i]] += law.ratio[i];
  for (let day = 1; day <= carried.until; day++) found[day] += found[day - 1];
  return Array.from(found.subarray(0, carried.until + 1), (held) => Math.min(held / law.sum, 1));
}

/** Chance of each outcome on a day. */
function outcomesOf(carried, columns, law, day) {
  const ends = columns[`outcome.${day}`];
  const found = new Float64Array(carried.outcomes.length);
  for (let i = 0; i < carried.n; i++) found[ends[i]] += law.ratio[i];
  return Array.from(found, (held) => Math.min(held / law.sum, 1));
}

/**
 * Ranges over the inputs: for each event that `places` gives a history (place 0 ... count - 1; others: none), low and
 * high around its point. With `running` an event holds too where an earlier one does.
 */
function rangesOf(carried, law, places, points, running) {
  const sets = law.known, count = points.length;
  if (sets.length < 2) return points.map((point) => [point, point]);
  const held = sets.map(() => new Float64Array(count)), squares = sets.map(() => new Float64Array(count));
  sets.forEach(({ first }, k) => {
    for (let i = first; i < first + carried.each; i++) {
      if (places[i] >= count) continue;
      held[k][places[i]] += law.nested[i];
      squares[k][places[i]] += law.nested[i] * law.nested[i];
    }
    for (let e = 1; running && e < count; e++) {
      held[k][e] += held[k][e - 1];
      squares[k][e] += squares[k][e - 1];
    }
  });
  const own = 1 - sets.reduce((sum, set) => sum + set.part * set.part, 0);
  const values = new Float64Array(sets.length), order = Int32Array.from(sets.keys());
  return points.map((point, e) => {
    let centre = 0, total = 0, noise = 0;
    for (let k = 0; k < sets.length; k++) {
      values[k] = held[k][e] / sets[k].weight;
      centre += values[k] * sets[k].part;
    }
    for (let k = 0; k < sets.length; k++) {
      const { weight, square, part, worth } = sets[k], share = values[k];
      total += (share - centre) * (share - centre) * part;
      const spoilt = squares[k][e] * (1 - 2 * share) + share * share * square;
      noise += (spoilt / (weight * weight)) * (worth / (worth - 1)) * part;
    }
    total /= own;
    const between = Math.max(total - noise, 0);
    if (between === 0) return [point, point];
    const factor = Math.sqrt(between / total);
    // Rounded: sets that say the same must tie, whatever the order in which their weights were summed.
    for (let k = 0; k < sets.length; k++) values[k] = Math.round(1e12 * (centre + factor * (values[k] - centre))) / 1e12;
    const [low, high] = endsOf(values, sets, order);
    return [Math.min(low, point), Math.max(high, point)];
  });
}

/**
 * The 10 % and 90 % points of values that count for parts. `order` is where their order is kept: from one day to the
 * next it hardly changes, and then to insert each in its place is quick.
 */
function endsOf(values, sets, order) {
  for (let i = 1; i < order.length; i++) {
    const k = order[i], value = values[k];
    let j = i - 1;
    for (; j >= 0 && (values[order[j]] > value || (values[order[j]] === value && order[j] > k)); j--) order[j + 1] = order[j];
    order[j + 1] = k;
  }
  const last = order.length - 1, first = sets[order[0]].part;
  let sum = 0;
  const at = Float64Array.from(order, (k) => (sum += sets[k].part) - 0.5 * sets[k].part - 0.5 * first);
  return [0.1, 0.9].map((wanted) => {
    let j = 0;
    while (j < last && at[j + 1] / at[last] <= wanted) j++;
    if (j === last) return values[order[j]];
    const from = at[j] / at[last], to = at[j + 1] / at[last];
    return values[order[j]] + ((wanted - from) / (to - from)) * (values[order[j + 1]] - values[order[j]]);
  });
}

/** A milestone's chance by the end of each day, with its range: [chance, low, high]. */
function bandOf(carried, columns, law, name) {
  const points = curveOf(carried, columns, law, name);
  if (!carried.sets) return points.map((point) => [point, point, point]);
  const ranges = rangesOf(carried, law, columns[`nested.milestone.${name}`], points, true);
  return points.map((point, day) => [point, ...ranges[day]]);
}

/** Every outcome's chance on a day, with its range: [chance, low, high]. */
function barsOf(carried, columns, law, day) {
  const points = outcomesOf(carried, columns, law, day);
  if (!carried.sets) return points.map((point) => [point, point, point]);
  const ranges = rangesOf(carried, law, columns[`nested.outcome.${day}`], points, false);
  return points.map((point, i) => [point, ...ranges[i]]);
}

/** Every chance, in the order of sim.beliefs.record (milestones by day, then outcomes on each day). */
function everything(carried, columns, setting) {
  const law = weigh(carried, columns, setting);
  const found = carried.milestones.flatMap(({ name }) => {
    const band = bandOf(carried, columns, law, name);
    return carried.days.map((day) => band[day]);
  });
  for (const day of carried.days) found.push(...barsOf(carried, columns, law, day));
  return { chances: found, nats: law.nats, left: law.left, kept: law.kept, sets: law.known.length };
}
