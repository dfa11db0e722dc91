import { expect, test } from 'vitest';
import { contrast } from './colour';
import { IMPOSTOR_COLOUR } from './drawing/impostors';
import { theme } from './drawing/theme';
import type { RGB } from './engine/picture';
import { palette } from './palette';
import { VISIONS, ciede2000, seen } from './testing/colour_vision';
import type { Vision } from './testing/colour_vision';

const ARTICLE: readonly RGB[] = [
  [128, 0, 0],
  [230, 25, 75],
  [70, 240, 240],
  [210, 245, 60],
  [250, 190, 190],
  [170, 110, 40],
  [170, 255, 195],
  [165, 163, 159],
  [0, 128, 128],
  [128, 128, 0],
];

/** The smallest difference of any two colours. */
function closest(colours: readonly RGB[], vision: Vision): number {
  const labs = colours.map((colour) => seen(colour, vision));
  const pairs = labs.flatMap((first, i) => labs.slice(i + 1).map((other) => [first, other]));
  return Math.min(...pairs.map(([first, other]) => ciede2000(first, other)));
}

test('CIEDE2000 gives the published differences', () => {
  // G. Sharma, W. Wu, E. Dalal, "The CIEDE2000 Color-Difference Formula", 2005, pairs 1, 7, 10,
  // 17 and 25 of its table.
  const pairs = [
    [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
    [[50, 0, 0], [50, -1, 2], 2.3669],
    [[50, 2.49, -0.001], [50, -2.49, 0.0009], 7.1792],
    [[50, 2.5, 0], [73, 25, -18], 27.1492],
    [[60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644],
  ] as const;
  for (const [first, second, difference] of pairs) {
    expect(ciede2000(first, second)).toBeCloseTo(difference, 4);
  }
});

test('white and black are 100 apart for everyone', () => {
  for (const vision of Object.values(VISIONS)) {
    const difference = ciede2000(seen([255, 255, 255], vision), seen([0, 0, 0], vision));
    expect(difference).toBeCloseTo(100, 0);
  }
});

const WHITE: RGB = [255, 255, 255];
const BLACK: RGB = [0, 0, 0];
// A ground, and the colour on it of cells that have not decided.
const GROUNDS = [false, true].map((dark): [string, RGB, RGB] => [
  dark ? 'dark' : 'light',
  theme(dark).ground,
  theme(dark).undecided,
]);

test.each(GROUNDS)('on %s ground the safe colours can be told apart by everyone', (_, ground) => {
  const safe = palette('safe', ARTICLE, 0, ground);
  expect(safe).toHaveLength(10);
  const [plain, ...deficient] = Object.values(VISIONS).map((vision) => closest(safe, vision));
  expect(plain).toBeGreaterThan(19);
  expect(Math.min(...deficient)).toBeGreaterThan(14);
});

test('the article’s colours can not: 20 with full colour vision, but 2.4 under deuteranopia', () => {
  expect(closest(ARTICLE, VISIONS['plain'])).toBeCloseTo(20.2, 0);
  expect(closest(ARTICLE, VISIONS['deuteranopia'])).toBeLessThan(3);
});

test.each(GROUNDS)(
  'on %s ground the safe colours differ from it and from undecided cells',
  (_, ...others) => {
    for (const vision of Object.values(VISIONS)) {
      for (const colour of palette('safe', ARTICLE, 0, others[0])) {
        const lab = seen(colour, vision);
        for (const other of others) {
          expect(ciede2000(lab, seen(other, vision))).toBeGreaterThan(14);
        }
      }
    }
  },
);

test.each(GROUNDS)(
  'on %s ground every label of every palette has a contrast of 3',
  (_, ground) => {
    for (const name of ['safe', 'article'] as const) {
      for (const hue of [0, 90, 180, 270]) {
        for (const colour of palette(name, ARTICLE, hue, ground)) {
          expect(contrast(colour, ground), `${name} ${hue}: ${colour}`).toBeGreaterThanOrEqual(3);
        }
      }
    }
  },
);

test.each(GROUNDS)(
  'on %s ground impostors have a contrast of 3, and so has their mark',
  (_, g) => {
    expect(contrast(IMPOSTOR_COLOUR, g)).toBeGreaterThanOrEqual(3);
    expect(contrast(IMPOSTOR_COLOUR, WHITE)).toBeGreaterThanOrEqual(3);
  },
);

test.each(GROUNDS)(
  'on %s ground digits that look alike are far apart for everyone',
  (_, ground) => {
    const safe = palette('safe', ARTICLE, 0, ground);
    for (const pair of ['49', '35', '38', '79', '17', '27', '58', '06', '56', '89']) {
      for (const vision of Object.values(VISIONS)) {
        const [first, second] = [...pair].map((label) => seen(safe[Number(label)], vision));
        expect(ciede2000(first, second), pair).toBeGreaterThan(25);
      }
    }
  },
);

test('the article’s colours that stand out are as given, and the hue turns both', () => {
  const shown = palette('article', ARTICLE, 0, WHITE);
  expect([shown[0], shown[1], shown[8]]).toEqual([ARTICLE[0], ARTICLE[1], ARTICLE[8]]);
  expect(palette('article', ARTICLE, 0, BLACK)[3]).toEqual(ARTICLE[3]);
  expect(palette('article', ARTICLE, 360, WHITE)).toEqual(shown);
  for (const name of ['safe', 'article'] as const) {
    const turned = palette(name, ARTICLE, 120, WHITE);
    const moved = palette(name, ARTICLE, 0, WHITE).filter((colour, i) => {
      return ciede2000(seen(colour, VISIONS['plain']), seen(turned[i], VISIONS['plain'])) > 4;
    });
    expect(moved.length).toBeGreaterThanOrEqual(9); // the article's 7 is gray: it has no hue
  }
});
