/**
 * The engine's randomness: which cells fire, and their noise.
 *
 * Both are drawn here and not by TensorFlow.js. Its generator is much slower, draws number by
 * number, and on a GPU the result has to be uploaded all the same.
 */

const TWO_TO_MINUS_32 = 2 ** -32;

/** Doty-Humphrey's sfc32: small, fast, and good enough for PractRand. Not for secrets. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any integers; by default the browser's own randomness. */
  constructor(seed: ArrayLike<number> = crypto.getRandomValues(new Uint32Array(3))) {
    this.#a = seed[0] ?? 0;
    this.#b = seed[1] ?? 0;
    this.#c = seed[2] ?? 0;
    for (let i = 0; i < 15; i++) this.uniform(); // mixes the seed
  }

  /** A number in [0, 1). */
  uniform(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) * TWO_TO_MINUS_32;
  }

  /** An integer from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.uniform() * end);
  }

  /** `count` draws from N(0, deviation^2), by Box and Muller's transform. */
  normals(count: number, deviation: number): Float32Array {
    const drawn = new Float32Array(count);
    for (let i = 0; i < count; i += 2) {
      const radius = deviation * Math.sqrt(-2 * Math.log(1 - this.uniform()));
      const angle = 2 * Math.PI * this.uniform();
      drawn[i] = radius * Math.cos(angle);
      if (i + 1 < count) drawn[i + 1] = radius * Math.sin(angle);
    }
    return drawn;
  }

  /**
   * Which of `living` cells fire in a step (the article's asynchronous update).
   *
   * @returns `firing`: [F] their rows; `slots`: [living] each row's place in `firing`, or -1.
   */
  firing(living: number, rate: number): { firing: Int32Array; slots: Int32Array } {
    const firing = new Int32Array(living);
    const slots = new Int32Array(living).fill(-1);
    let count = 0;
    for (let row = 0; row < living; row++) {
      if (this.uniform() < rate) {
        slots[row] = count;
        firing[count++] = row;
      }
    }
    return { firing: firing.subarray(0, count), slots };
  }
}
