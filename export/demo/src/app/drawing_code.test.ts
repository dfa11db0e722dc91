import { describe, expect, it } from 'vitest';

import { decode, encode } from './drawing_code';

describe('a drawing in a link', () => {
  const gray = Float32Array.from({ length: 56 * 56 }, (_, i) =>
    i % 56 === 20 ? (i % 16) / 15 : 0,
  );

  it('comes back to the nearest of its 16 levels, and is short', async () => {
    const code = await encode(gray);
    expect(code).toMatch(/^[\w-]{1,600}$/);
    const back = await decode(code);
    expect(back).toHaveLength(gray.length);
    back!.forEach((value, cell) => expect(value).toBeCloseTo(gray[cell], 5));
  });

  it.each(['', 'nonsense', 'AAAA', '%%%'])('is undefined for %j', async (code) => {
    expect(await decode(code)).toBeUndefined();
  });

  it('is undefined for what unpacks to more than a canvas', async () => {
    expect(await decode(await encode(new Float32Array(300 * 300)))).toBeUndefined();
  });

  it('is undefined for a number of cells that is no square', async () => {
    expect(await decode(await encode(new Float32Array(50)))).toBeUndefined();
  });
});
