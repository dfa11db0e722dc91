/**
 * Keeps the page's address and what the page shows the same, both ways: settings, the drawing, and
 * where its impostors are.
 *
 * A sample digit stands in the address by its name, any other drawing by its cells.
 */

import { NOWHERE, type Places } from '../engine/impostors';
import { ReadableError } from '../engine/readable_error';
import { decode, encode } from './drawing_code';
import { showError } from './messages';
import type { Samples } from './samples';
import type { Session } from './session';
import { parse, type Settings, SIZES, type Values } from './settings';

const REST_MS = 300; // how long a drawing rests before its cells go into the address

/** The settings that tell what is on the canvas. */
const SHOWN = ['digit', 'cells', 'impostors'] as const;
type Shown = Pick<Values, (typeof SHOWN)[number]>;

/** What the address needs of the page. */
export interface Shows {
  /** Puts a drawing that the address carries onto the canvas, and its impostors. */
  readonly show: (gray: Float32Array, impostors: Places) => void;
  /** The model at the start. */
  readonly model: string;
}

/** The address of one page. */
export class Address {
  readonly #settings: Settings;
  readonly #session: Session;
  readonly #samples: Samples;
  #later = 0; // a timer, while the address is behind
  #redrawn = false; // it is behind with the drawing, and not only with the impostors

  constructor(settings: Settings, session: Session, samples: Samples) {
    this.#settings = settings;
    this.#session = session;
    this.#samples = samples;
  }

  /** Follows the address from now on, and writes changed settings to it. */
  listen({ show, model }: Shows): void {
    this.#settings.onChange(() => this.write());
    window.addEventListener('hashchange', () => {
      this.#forget();
      const settings = this.#settings;
      const before = pick(settings);
      const given = parse(location.hash);
      const shown = given.digit === '' && given.cells === '' ? before : {};
      settings.follow(location.hash, { model, ...shown });
      this.write();
      if (SHOWN.every((key) => settings.get(key) === before[key])) return;
      this.drawing()
        .then(async (gray) => {
          if (gray) return show(gray, await this.impostors());
          for (const key of SHOWN) settings.set(key, before[key]);
        })
        .catch(showError);
    });
  }

  /** Makes the address tell the settings as they are. */
  write(): void {
    const hash = this.#settings.hash();
    if (hash !== location.hash) history.replaceState(null, '', hash || location.pathname);
  }

  /** The drawing that the settings name; undefined if none, or one that is damaged. */
  async drawing(): Promise<Float32Array | undefined> {
    const code = this.#settings.get('cells');
    const [label, sample] = this.#settings.get('digit').split('-');
    if (code === '') {
      if (!label) return undefined;
      return this.#samples.one(Number(label), Number(sample), this.#settings.get('size'));
    }
    const gray = await decode(code);
    const size = SIZES.find((size) => size * size === gray?.length);
    if (size) this.#settings.set('size', size);
    else showError(new ReadableError('The drawing in the link is damaged. Copy the link again.'));
    return size ? gray : undefined;
  }

  /** Where the settings have impostors; nowhere if that is damaged, which it then says. */
  async impostors(): Promise<Places> {
    const code = this.#settings.get('impostors');
    if (code === '') return NOWHERE;
    const marked = await decode(code);
    if (marked?.length === this.#settings.get('size') ** 2) {
      return new Set([...marked.keys()].filter((cell) => marked[cell] > 0));
    }
    this.#settings.set('impostors', '');
    showError(new ReadableError('The impostors in the link are damaged. Copy the link again.'));
    return NOWHERE;
  }

  /** The canvas now shows that sample, with the impostors that there are. */
  sample(label: number, sample: number): void {
    const { isBehind } = this;
    this.#forget();
    this.#settings.set('cells', '');
    this.#settings.set('digit', `${label}-${sample}`);
    if (isBehind) this.marked();
  }

  /** The canvas now shows something else: its cells go into the address when they rest. */
  drawn(): void {
    this.marked();
    this.#redrawn = true;
  }

  /** Impostors have come or gone: where they are goes into the address when it rests. */
  marked(): void {
    window.clearTimeout(this.#later);
    this.#later = window.setTimeout(() => void this.tell().catch(showError), REST_MS);
  }

  /** Whether the canvas shows something that the address doesn't tell yet. */
  get isBehind(): boolean {
    return this.#later !== 0;
  }

  /** Writes what the canvas shows to the address. */
  async tell(): Promise<void> {
    const before = this.#later;
    const { gray, places } = await this.#session.look(({ main }) => ({
      gray: main.gray.slice(),
      places: main.impostors,
    }));
    const code = await encode(gray);
    const marked = gray.map((_, cell) => Number(places.has(cell)));
    const impostors = places.size > 0 ? await encode(marked) : '';
    if (before !== this.#later) return; // it shows something else by now
    const redrawn = this.#redrawn;
    this.#forget();
    this.#settings.set('impostors', impostors);
    if (!redrawn) return;
    this.#settings.set('digit', '');
    this.#settings.set('cells', code);
  }

  #forget(): void {
    window.clearTimeout(this.#later);
    this.#later = 0;
    this.#redrawn = false;
  }
}

function pick(settings: Settings): Shown {
  const [digit, cells, impostors] = SHOWN.map((key) => settings.get(key));
  return { digit, cells, impostors };
}
