import { expect, test } from 'vitest';
import { cellScale } from './save_picture';

test('saved pictures of all canvases are as wide, in whole pixels a cell', () => {
  expect([56, 112, 140].map(cellScale)).toEqual([20, 10, 8]);
  expect(cellScale(300)).toBe(8);
});
