/**
 * What a link to the page carries, as one typed table. The address has only what isn't default.
 */

export const SIZES = [56, 112, 140] as const;
export const TOOLS = ['pencil', 'eraser', 'damage', 'impostor'] as const;

/** CA steps in a frame of a sixtieth of a second. */
export const SPEEDS = ['1/60', '1/10', '1/2', '1', '2', '4', 'max'] as const;
export type Speed = (typeof SPEEDS)[number];

/** One thing that the user can set: its default, and how it is written in the address. */
interface Entry<T> {
  readonly initial: T;
  /** undefined: out of range. */
  readonly parse: (text: string) => T | undefined;
  readonly print: (value: T) => string;
}

const MODEL = /^[\w.-]{1,64}$/;
const CODE = /^[\w-]{1,20000}$/;

const TABLE = {
  model: matching(MODEL, ''), // '': the first one
  beside: matching(MODEL, ''), // the same drawing under a second model; '': none
  size: choice(SIZES, 56),
  backend: choice(['auto', 'webgpu', 'webgl', 'wasm', 'cpu'] as const, 'auto'),
  tool: choice(TOOLS, 'pencil'),
  brush: number(1, 10, 3),
  speed: choice(SPEEDS, '1'),
  hue: number(0, 360, 0),
  palette: choice(['safe', 'article'] as const, 'safe'),
  fire: optional(number(0, 1, 0)), // null: the model's own
  noise: optional(number(0, 1, 0)),
  view: choice(['cells', 'channels'] as const, 'cells'),
  channel: number(0, 255, 10),
  theme: choice(['auto', 'light', 'dark'] as const, 'auto'),
  digit: matching(/^[0-9]-\d{1,3}$/, ''), // label and sample; '': any
  more: choice(['no', 'yes'] as const, 'no'), // whether the controls for experts are shown
  play: choice(['yes', 'no'] as const, 'yes'),
  cells: matching(CODE, ''), // a drawing, see drawing_code.ts
  impostors: matching(CODE, ''), // where they are, coded as a drawing
} as const;

type Table = typeof TABLE;
export type Key = keyof Table;
export type Value<K extends Key> = Table[K] extends Entry<infer T> ? T : never;
export type Values = { [K in Key]: Value<K> };

const KEYS = Object.keys(TABLE) as Key[];

/** The settings, and the listeners to call when one changes. */
export class Settings {
  readonly #values: Values;
  readonly #listeners: ((key: Key) => void)[] = [];

  /** @param hash of an address, as `location.hash`; what it lacks has its default. */
  constructor(hash: string) {
    this.#values = parse(hash);
  }

  get<K extends Key>(key: K): Values[K] {
    return this.#values[key];
  }

  /** Sets one and calls the listeners, unless it had that value already. */
  set<K extends Key>(key: K, value: Values[K]): void {
    if (this.#values[key] === value) return;
    this.#values[key] = value;
    for (const listener of this.#listeners) listener(key);
  }

  onChange(listener: (key: Key) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Takes the settings of another address.
   *
   * @param absent values for texts that the address lacks, instead of ''.
   */
  follow(hash: string, absent: Partial<Values> = {}): void {
    const values = parse(hash);
    for (const key of KEYS) {
      const value = values[key] === '' ? (absent[key] ?? '') : values[key];
      this.set(key, value as never);
    }
  }

  /** The settings as the hash of an address: '' if all have their defaults. */
  hash(): string {
    return print(this.#values);
  }
}

/** Reads a hash; ignores unknown keys and values out of range. */
export function parse(hash: string): Values {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const values = KEYS.map((key) => {
    const { initial, parse } = TABLE[key] as Entry<unknown>;
    const text = given.get(key);
    return [key, (text === null ? undefined : parse(text)) ?? initial];
  });
  return Object.fromEntries(values) as Values;
}

/** Writes a hash that `parse` reads back. */
export function print(values: Values): string {
  const given = new URLSearchParams();
  for (const key of KEYS) {
    const { initial, print } = TABLE[key] as Entry<unknown>;
    if (values[key] !== initial) given.set(key, print(values[key]));
  }
  const text = given.toString();
  return text === '' ? '' : `#${text}`;
}

function choice<const T extends string | number>(choices: readonly T[], initial: T): Entry<T> {
  return { initial, parse: (text) => choices.find((c) => String(c) === text), print: String };
}

function number(least: number, most: number, initial: number): Entry<number> {
  return {
    initial,
    parse: (text) => {
      const value = text.trim() === '' ? NaN : Number(text);
      return value >= least && value <= most ? value : undefined;
    },
    print: String,
  };
}

function optional<T>(entry: Entry<T>): Entry<T | null> {
  return { ...entry, initial: null, print: String };
}

function matching(pattern: RegExp, initial: string): Entry<string> {
  return { initial, parse: (text) => (pattern.test(text) ? text : undefined), print: String };
}
