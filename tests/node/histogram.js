// Does base's histogram agree with HdrHistogram's?  The same random values go into both; every percentile that the bench
// reports, every row of the percentile text and its summary must lie within 1 %.
//
//     node histogram.js PROGRAM      PROGRAM: tests/histogram/values.c
'use strict';

const assert = require('assert');
const { spawnSync } = require('child_process');
const hdr = require('hdr-histogram-js');

const WITHIN = 0.01;
const LAST_DIGIT = 1.5e-12; // of a share: C and JavaScript round a half differently
const SHARES = ['0', '0.5', '0.9', '0.99', '0.999', '0.9999', '1'];
const COUNT = 200000;

// mulberry32: the same numbers in every run, so that a failure can be seen again
function randomFrom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

// Nanoseconds, as latencies come: what they are like where a histogram might go wrong.
const LATENCIES = {
  'a few small values': (random) => Math.floor(random() * 300),
  'evenly spread': (random) => Math.floor(random() * 5e6),
  'a hump with a tail': (random) => Math.floor(120000 * Math.exp(normal(random) * 0.6)),
  'a heavy tail, to minutes': (random) => Math.floor(50000 / Math.pow(1 - random(), 1.3)),
  'two humps, one after a stall': (random) => Math.floor((random() < 0.99 ? 1e5 : 2e8) * (1 + random())),
};

function assertClose(ours, theirs, what) {
  assert.ok(Math.abs(ours - theirs) <= WITHIN * theirs, `${what}: ${ours} here, ${theirs} in HdrHistogram`);
}

// The percentile text as {rows: [{value, share, count}], Mean, StdDeviation, Max, "Total count"}.
function parse(text) {
  const parsed = { rows: [] };
  for (const line of text.split('\n')) {
    if (line.startsWith('#[')) {
      for (const [, name, number] of line.matchAll(/([A-Z][A-Za-z ]*?) *= *([\d.]+)/g)) parsed[name] = Number(number);
    } else if (/^ *\d/.test(line)) {
      const [value, share, count] = line.trim().split(/ +/).map(Number);
      parsed.rows.push({ value, share, count });
    }
  }
  return parsed;
}

// The rows end where the greatest value's bucket is reached: in finer buckets, as theirs are here, later.
function assertSameRows(ours, theirs, name) {
  const both = Math.min(ours.length, theirs.length) - 1;
  assert.ok(both > 20 && ours.length <= theirs.length, `${name}: ${ours.length} and ${theirs.length} rows`);
  for (let i = 0; i < both; i++) {
    assert.ok(Math.abs(ours[i].share - theirs[i].share) < LAST_DIGIT, `${name}: row ${i}, ${theirs[i].share}`);
    assertClose(ours[i].value, theirs[i].value, `${name}: row ${i}, ${ours[i].share}`);
  }
  const [ourLast, theirLast] = [ours.at(-1), theirs.at(-1)];
  assert.deepStrictEqual([ourLast.share, ourLast.count], [1, theirLast.count], name);
  assertClose(ourLast.value, theirLast.value, `${name}: last row`);
}

function compare(program, name, next, seed) {
  const random = randomFrom(seed);
  const values = Array.from({ length: COUNT }, () => next(random));
  const theirs = hdr.build({ lowestDiscernibleValue: 1, highestTrackableValue: 2 ** 43, numberOfSignificantValueDigits: 4 });
  for (const value of values) theirs.recordValue(value);

  const run = spawnSync(program, SHARES, { input: values.join('\n') + '\n', encoding: 'utf8', maxBuffer: 1 << 24 });
  assert.strictEqual(run.status, 0, run.stderr);
  const lines = run.stdout.trimEnd().split('\n');
  for (const line of lines.slice(-SHARES.length)) {
    const [share, value] = line.split(' ').map(Number);
    assertClose(value, theirs.getValueAtPercentile(share * 100), `${name}: at ${share}`);
  }

  const ourText = parse(lines.slice(0, -SHARES.length).join('\n'));
  const theirText = parse(theirs.outputPercentileDistribution());
  assertSameRows(ourText.rows, theirText.rows, name);
  for (const what of ['Mean', 'StdDeviation', 'Max']) assertClose(ourText[what], theirText[what], `${name}: ${what}`);
  assert.strictEqual(ourText['Total count'], COUNT, name);
}

Object.entries(LATENCIES).forEach(([name, next], i) => compare(process.argv[2], name, next, 1 + i));
console.log(`${Object.keys(LATENCIES).length} sets of values agree`);
