import { expect, test } from 'vitest';
import { IMPOSTOR, UNDECIDED, census, commonest, inWords, labels, verdict } from './census';
import type { Piece } from './census';
import { pictureOf } from './testing/picture_of';

const of = (lines: readonly string[]) => {
  const picture = pictureOf(lines);
  return census(picture, labels(picture));
};

// Two bars of 12 and 10 cells and a crumb of 2.
const TWO = [
  '..........',
  '.333.55...',
  '.333.55...',
  '.333.55...',
  '.33?.55...',
  '.....57...',
  '..........',
  '.........1',
  '.........3',
  '..........',
];
const NOTHING = new Array<string>(10).fill('..........');

test('labels: the largest logit, the first of equals, none while all are small', () => {
  const picture = pictureOf(['33', '??']);
  picture.state[9 + 1] = 1; // row 0: labels 1 and 3 alike
  picture.state[19 + 2] = 5; // row 1: a free channel is not a label
  picture.state.fill(-4, 2 * 19, 3 * 19); // row 2: far below
  picture.state[3 * 19 + 9 + 7] = 0.0101; // row 3: just enough
  expect([...labels(picture)]).toEqual([1, 3, UNDECIDED, 7]);
});

test('commonest vote', () => {
  expect(commonest(Int32Array.of(0, 2, 3, 3))).toBe(2);
  expect(commonest(Int32Array.of(4, 0))).toBe(0);
  expect(commonest(new Int32Array(10))).toBe(UNDECIDED);
});

test('a census of two pieces and a crumb', () => {
  const { living, votes, undecided, pieces, share, agreement } = of(TWO);
  expect(living).toBe(24);
  expect([...votes]).toEqual([0, 1, 0, 12, 0, 9, 0, 1, 0, 0]);
  expect(undecided).toBe(1);
  expect(pieces.map(({ label, size, agree }) => [label, size, agree])).toEqual([
    [3, 12, false],
    [5, 10, false],
  ]);
  expect([...pieces[1].votes]).toEqual([0, 0, 0, 0, 0, 9, 0, 1, 0, 0]);
  // 11 of the bar of 3s, 9 of that of 5s, and the crumb's 3, the commonest label of the canvas.
  expect(share).toBeCloseTo(21 / 24, 9);
  expect(agreement).toBe(0);
});

test('agreement counts the pieces that agree, right or wrong', () => {
  const lines = [...TWO];
  lines[4] = '.333.55...';
  expect(of(lines).agreement).toBe(0.5);
  lines[5] = '.....55...';
  expect(of(lines).agreement).toBe(1);
  expect(of(lines).share).toBeCloseTo(23 / 24, 9);
});

test('a piece of undecided cells has no label and does not agree', () => {
  const { pieces, share, agreement } = of(TWO.map((line) => line.replace(/\d/g, '?')));
  expect(pieces.map((piece) => piece.label)).toEqual([UNDECIDED, UNDECIDED]);
  expect([share, agreement]).toEqual([0, 0]);
});

test('an empty canvas', () => {
  const { living, pieces, share, agreement } = of(NOTHING);
  expect([living, pieces.length, share, agreement]).toEqual([0, 0, 0, 0]);
});

test('one digit in words', () => {
  const bar = (cells: string) => inWords(of([cells.padEnd(14, '.'), ...empty(13)]));
  expect(bar('')).toBe('No living cells. Draw a digit.');
  expect(bar('333333333333')).toBe('3, all 12 cells agree');
  expect(bar('333333333555')).toBe('Probably 3: 9 of 12 cells, 3 say 5');
  expect(bar('33333333356?')).toBe('Probably 3: 9 of 12 cells, 1 says 5, 1 has no label');
  expect(bar('3333335557??')).toBe('Perhaps 3: 6 of 12 cells, 3 say 5, 2 have no label');
  expect(bar('333333333??')).toBe('Probably 3: 9 of 11 cells, 2 have no label');
  expect(bar('????????????')).toBe('Undecided: 12 cells have no label yet');
  expect(bar('?')).toBe('Undecided: 1 cell has no label yet');
  expect(bar('4')).toBe('4, says the only cell');
});

test('a crumb beside one digit counts too', () => {
  expect(inWords(of([...'3'.repeat(6)].map(() => '333..1').slice(0, 6)))).toBe(
    'Probably 3: 18 of 24 cells, 6 say 1',
  );
});

test('several digits in words', () => {
  expect(inWords(of(TWO))).toBe('2 digits: 3?, 5?; 0 of 2 agree');
  expect(inWords(of(TWO.map((line) => line.replace(/[7]/, '5'))))).toBe(
    '2 digits: 3?, 5; 1 of 2 agree',
  );
  expect(inWords(of(TWO.map((line) => line.replace(/[35]/g, '?'))))).toBe(
    '2 digits: ?, 7?; 0 of 2 agree',
  );
  expect(inWords(of(TWO.map((line) => line.replace(/\d/g, '?'))))).toBe(
    'Undecided: 2 digits have no label yet',
  );
});

test('impostors have no vote, and the others agree without them', () => {
  const lines = TWO.map((line) => line.replace('57', '5!').replace('?', '3'));
  const picture = pictureOf(lines);
  expect([...labels(picture)].filter((label) => label === IMPOSTOR).length).toBe(1);
  const { living, impostors, votes, undecided, pieces, share, agreement } = of(lines);
  expect([living, impostors, undecided]).toEqual([23, 1, 0]);
  expect([...votes]).toEqual([0, 1, 0, 13, 0, 9, 0, 0, 0, 0]);
  expect(pieces.map(({ label, size, agree }) => [label, size, agree])).toEqual([
    [3, 12, true],
    [5, 9, true],
  ]);
  expect(share).toBeCloseTo(22 / 23, 9);
  expect(agreement).toBe(1);
  expect(inWords(of(lines))).toBe('2 digits: 3, 5; 2 of 2 agree; 1 impostor');
});

test('impostors in words', () => {
  const bar = (cells: string) => inWords(of([cells.padEnd(14, '.'), ...empty(13)]));
  expect(bar('3333333333!!')).toBe('3, all 10 honest cells agree; 2 impostors');
  expect(bar('33333335558!')).toBe('Probably 3: 7 of 11 honest cells, 3 say 5; 1 impostor');
  expect(bar('??????????!!')).toBe('Undecided: 10 honest cells have no label yet; 2 impostors');
  expect(bar('3!')).toBe('3, says the only honest cell; 1 impostor');
  expect(bar('!!!!!!!!!!!!')).toBe('Only 12 impostors');
  expect(bar('!')).toBe('Only 1 impostor');
});

test('many digits in words fit into 120 characters', () => {
  const piece = { label: 8, agree: false } as Piece;
  const base = of(TWO);
  const words = (count: number) => inWords({ ...base, pieces: new Array(count).fill(piece) });
  expect(words(23)).toBe(`23 digits: ${'8?, '.repeat(22)}8?; 0 of 23 agree`);
  expect(words(40)).toMatch(/^40 digits: (8\?, )+…; 0 of 40 agree$/);
  for (let count = 20; count < 60; count++) {
    const lying = { ...base, impostors: 1234, pieces: new Array(count).fill(piece) };
    expect(inWords(lying).length).toBeLessThanOrEqual(120);
    expect(words(count).length).toBeLessThanOrEqual(120);
    expect(words(count).length).toBeGreaterThan(count < 25 ? 95 : 110);
  }
});

test('verdicts', () => {
  expect(verdict({ label: 3, agree: true } as Piece)).toBe('3');
  expect(verdict({ label: 3, agree: false } as Piece)).toBe('3?');
  expect(verdict({ label: UNDECIDED, agree: false } as Piece)).toBe('?');
});

function empty(count: number): string[] {
  return new Array<string>(count).fill('.'.repeat(14));
}
