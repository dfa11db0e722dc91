import { expect, test } from 'vitest';
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

test('the safe colours can be told apart by everyone', () => {
  const safe = palette('safe', ARTICLE, 0);
  expect(safe).toHaveLength(10);
  const least = (colours: readonly RGB[]) =>
    Object.values(VISIONS).map((vision) => closest(colours, vision));
  const [plain, ...deficient] = least(safe);
  expect(plain).toBeGreaterThan(23);
  expect(Math.min(...deficient)).toBeGreaterThan(17);
  // The article's: 20.2 with full colour vision, but 2.4 under deuteranopia.
  expect(Math.min(...least(ARTICLE))).toBeLessThan(3);
});

test('the safe colours stand out from both grounds and from undecided cells', () => {
  const grounds: RGB[] = [
    [255, 255, 255],
    [0x14, 0x16, 0x1a],
    [0, 0, 0],
  ];
  for (const vision of Object.values(VISIONS)) {
    for (const colour of palette('safe', ARTICLE, 0)) {
      const lab = seen(colour, vision);
      for (const ground of grounds) {
        expect(ciede2000(lab, seen(ground, vision))).toBeGreaterThan(18);
      }
    }
  }
});

test('digits that look alike have colours that are far apart for everyone', () => {
  const safe = palette('safe', ARTICLE, 0);
  for (const pair of ['49', '35', '38', '79', '17', '27', '58', '06', '56', '89']) {
    for (const vision of Object.values(VISIONS)) {
      const [first, second] = [...pair].map((label) => seen(safe[Number(label)], vision));
      expect(ciede2000(first, second), pair).toBeGreaterThan(20);
    }
  }
});

test('the article palette is the one given, and the hue turns both', () => {
  expect(palette('article', ARTICLE, 0)).toEqual(ARTICLE);
  expect(palette('article', ARTICLE, 360)).toEqual(ARTICLE);
  for (const name of ['safe', 'article'] as const) {
    const turned = palette(name, ARTICLE, 120);
    const moved = palette(name, ARTICLE, 0).filter((colour, i) => {
      return ciede2000(seen(colour, VISIONS.plain), seen(turned[i], VISIONS.plain)) > 4;
    });
    expect(moved.length).toBeGreaterThanOrEqual(9); // the article's 7 is gray: it has no hue
  }
});
