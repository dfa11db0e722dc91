/**
 * A drawing as a short text, for links: 4 bits a cell, deflated, in URL-safe base64.
 */

const LEVELS = 15;
const MOST_CELLS = 140 * 140;

/** The text of a canvas of gray values, [size * size] from 0 to 1. */
export async function encode(gray: Float32Array): Promise<string> {
  const levels = Uint8Array.from(gray, (value) => Math.round(value * LEVELS));
  const packed = await through(levels, new CompressionStream('deflate-raw'));
  let binary = '';
  for (const byte of packed) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** The canvas of a text, or undefined if it isn't one. */
export async function decode(text: string): Promise<Float32Array | undefined> {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    const packed = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const levels = await through(packed, new DecompressionStream('deflate-raw'), MOST_CELLS);
    const size = Math.sqrt(levels.length);
    if (!Number.isInteger(size) || size === 0 || levels.some((level) => level > LEVELS)) return;
    return Float32Array.from(levels, (level) => level / LEVELS);
  } catch {
    return;
  }
}

async function through(
  bytes: Uint8Array<ArrayBuffer>,
  stream: CompressionStream | DecompressionStream,
  most = Infinity,
): Promise<Uint8Array> {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts: number[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Uint8Array.from(parts);
    parts.push(...value);
    if (parts.length > most) throw new RangeError('too many cells for a drawing');
  }
}
