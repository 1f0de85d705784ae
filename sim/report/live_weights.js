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

/** Ratio of the pooled law for every history and every nested one, and how far it bends the model (nats). */
function pooled(carried, columns, setting, kept, keptNested) {
  const n = kept.length, m = keptNested.length;
  const one = { ratio: new Float64Array(n).fill(1), nested: new Float64Array(m).fill(1), nats: 0 };
  const given = cappedWeights(carried.statements, setting.statements.map((dial) => dial.weight));
  if (!given.some((weight) => weight > 0)) return one;
  const total = kept.reduce((sum, is) => sum + is, 0);
  if (total === 0) return one;
  // Cells: histories that agree in every proposition, found by dividing them once for each.
  const cell = new Int32Array(n + m);
  let count = 1;
  const rows = [];
  carried.statements.forEach((statement, s) => {
    for (const day of setting.statements[s].days) {
      const holds = new Uint8Array(n + m);
      const ours = holdsBy(carried, columns, "", statement, day);
      for (let i = 0; i < n; i++) holds[i] = ours(i) ? 1 : 0;
      if (m) {
        const theirs = holdsBy(carried, columns, "nested.", statement, day);
        for (let i = 0; i < m; i++) holds[n + i] = theirs(i) ? 1 : 0;
      }
      const number = new Int32Array(2 * count).fill(-1);
      let next = 0;
      for (let i = 0; i < n + m; i++) {
        const place = 2 * cell[i] + holds[i];
        if (number[place] < 0) number[place] = next++;
        cell[i] = number[place];
      }
      count = next;
      rows.push({ s, day, holds });
    }
  });
  const share = new Float64Array(count);
  for (let i = 0; i < n; i++) if (kept[i]) share[cell[i]] += 1 / total;
  for (const row of rows) {
    row.cells = new Uint8Array(count);
    for (let i = 0; i < n + m; i++) row.cells[cell[i]] = row.holds[i];
    let held = 0;
    for (let i = 0; i < n; i++) held += kept[i] & row.holds[i];
    row.own = logit(sureImplied(held / total, total));
  }
  const days = combinations(setting.statements.map((dial) => dial.days));
  const ratio = new Float64Array(count);
  for (const chosen of days) {
    const exponent = new Float64Array(count);
    chosen.forEach((day, s) => {
      const row = rows.find((candidate) => candidate.s === s && candidate.day === day);
      const step = given[s] * (statedOdds(setting.statements[s].stated) - row.own);
      for (let c = 0; c < count; c++) if (row.cells[c]) exponent[c] += step;
    });
    const top = exponent.reduce((most, value) => Math.max(most, value), -Infinity);
    let whole = 0;
    for (let c = 0; c < count; c++) whole += share[c] * Math.exp(exponent[c] - top);
    for (let c = 0; c < count; c++) ratio[c] += Math.exp(exponent[c] - top) / whole / days.length;
  }
  for (let c = 0; c < count; c++) if (share[c] * ratio[c] > 0) one.nats += share[c] * ratio[c] * Math.log(ratio[c]);
  one.nats = Math.max(one.nats, 0);
  for (let i = 0; i < n; i++) one.ratio[i] = ratio[cell[i]];
  for (let i = 0; i < m; i++) one.nested[i] = ratio[cell[n + i]];
  return one;
}

/** Histories with their weights under a setting: everything that chances and ranges are read from. */
function weigh(carried, columns, setting) {
  const size = carried.sets * carried.each;
  const kept = keptOf(carried, columns, setting.inputs, carried.n);
  // A set of inputs has the number of the history that drew the same.
  const sets = kept.subarray(0, carried.sets);
  const keptNested = new Uint8Array(size);
  for (let i = 0; i < size; i++) keptNested[i] = sets[Math.floor(i / carried.each)];
  const law = pooled(carried, columns, setting, kept, keptNested);
  let left = 0, sum = 0, squares = 0, setsLeft = 0;
  for (let i = 0; i < carried.n; i++) {
    if (!kept[i]) law.ratio[i] = 0;
    left += kept[i];
    sum += law.ratio[i];
    squares += law.ratio[i] * law.ratio[i];
  }
  for (let i = 0; i < size; i++) if (!keptNested[i]) law.nested[i] = 0;
  for (let k = 0; k < carried.sets; k++) setsLeft += sets[k];
  return {
    ratio: law.ratio, nested: law.nested, nats: law.nats, kept: left, sum, setsLeft,
    left: squares > 0 ? (sum * sum) / squares : 0,
  };
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

/** Weights and squared weights of the histories of each set of inputs. */
function setsOf(carried, law) {
  const weights = new Float64Array(carried.sets), squares = new Float64Array(carried.sets);
  for (let i = 0; i < law.nested.length; i++) {
    const k = Math.floor(i / carried.each);
    weights[k] += law.nested[i];
    squares[k] += law.nested[i] * law.nested[i];
  }
  return { weights, squares };
}

/**
 * Ranges over the inputs: for each event that `places` gives a history (place 0 ... count - 1; others: none), low and
 * high around its point. With `running` an event holds too where an earlier one does.
 */
function rangesOf(carried, law, places, count, points, running) {
  const { weights, squares } = setsOf(carried, law);
  const held = new Float64Array(carried.sets * count), heldSquares = new Float64Array(carried.sets * count);
  for (let i = 0; i < law.nested.length; i++) {
    if (places[i] >= count) continue;
    const place = Math.floor(i / carried.each) * count + places[i];
    held[place] += law.nested[i];
    heldSquares[place] += law.nested[i] * law.nested[i];
  }
  if (running) {
    for (let place = 1; place < held.length; place++) {
      if (place % count === 0) continue;
      held[place] += held[place - 1];
      heldSquares[place] += heldSquares[place - 1];
    }
  }
  const known = [];
  for (let k = 0; k < carried.sets; k++) if (weights[k] > 0) known.push(k);
  const whole = known.reduce((sum, k) => sum + weights[k], 0);
  const part = known.map((k) => weights[k] / whole);
  const own = 1 - part.reduce((sum, p) => sum + p * p, 0);
  const worth = known.map((k) => Math.max((weights[k] * weights[k]) / squares[k], 1 + 1e-9));
  return points.map((point, e) => {
    if (known.length < 2) return [point, point];
    const share = known.map((k) => held[k * count + e] / weights[k]);
    let centre = 0, total = 0, noise = 0;
    share.forEach((value, j) => (centre += value * part[j]));
    share.forEach((value, j) => {
      const k = known[j];
      total += (value - centre) ** 2 * part[j];
      const spoilt = heldSquares[k * count + e] * (1 - 2 * value) + value * value * squares[k];
      noise += ((spoilt / (weights[k] * weights[k])) * (worth[j] / (worth[j] - 1))) * part[j];
    });
    total /= own;
    const between = Math.max(total - noise, 0);
    if (between === 0) return [point, point];
    const factor = Math.sqrt(between / total);
    const [low, high] = endsOf(share.map((value) => centre + factor * (value - centre)), part);
    return [Math.min(low, point), Math.max(high, point)];
  });
}

/** The 10 % and 90 % points of values that count for parts. */
function endsOf(values, part) {
  const order = Array.from(values.keys()).sort((a, b) => values[a] - values[b] || a - b);
  let sum = 0;
  const first = part[order[0]];
  const at = order.map((k) => (sum += part[k]) - 0.5 * part[k] - 0.5 * first);
  const last = at[at.length - 1];
  return [0.1, 0.9].map((wanted) => {
    let j = 0;
    while (j < at.length - 1 && at[j + 1] / last <= wanted) j++;
    if (j === at.length - 1) return values[order[j]];
    const from = at[j] / last, to = at[j + 1] / last;
    const step = to > from ? (wanted - from) / (to - from) : 0;
    return values[order[j]] + step * (values[order[j + 1]] - values[order[j]]);
  });
}

/** A milestone's chance by the end of each day, with its range: [chance, low, high]. */
function bandOf(carried, columns, law, name) {
  const points = curveOf(carried, columns, law, name);
  if (!carried.sets) return points.map((point) => [point, point, point]);
  const places = columns[`nested.milestone.${name}`];
  const ranges = rangesOf(carried, law, places, carried.until + 1, points, true);
  return points.map((point, day) => [point, ...ranges[day]]);
}

/** Every outcome's chance on a day, with its range: [chance, low, high]. */
function barsOf(carried, columns, law, day) {
  const points = outcomesOf(carried, columns, law, day);
  if (!carried.sets) return points.map((point) => [point, point, point]);
  const ranges = rangesOf(carried, law, columns[`nested.outcome.${day}`], points.length, points, false);
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
  return { chances: found, nats: law.nats, left: law.left, kept: law.kept, sets: law.setsLeft };
}
