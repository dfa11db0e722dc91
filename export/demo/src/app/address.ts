/**
 * Keeps the page's address and the page in step, both ways: settings, the drawing, and the places
 * of its impostors.
 *
 * The address has a sample digit by its label and number, any other drawing by its cells.
 */

import { NOWHERE, type Places } from '../engine/impostors';
import { ReadableError } from '../engine/readable_error';
import { decode, encode } from './drawing_code';
import { showError } from './messages';
import type { Samples } from './samples';
import type { Session } from './session';
import { parse, type Settings, SIZES, type Values } from './settings';

const REST_MS = 300; // how long a drawing stays unchanged before its cells go into the address

/** The settings that say what is on the canvas. */
const CANVAS_KEYS = ['digit', 'cells', 'impostors'] as const;
type CanvasValues = Pick<Values, (typeof CANVAS_KEYS)[number]>;

/** What the address needs from the page. */
export interface Shows {
  /** Puts the drawing of an address and its impostors onto the canvas. */
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
  #redrawn = false; // the drawing is behind too, and not only the impostors

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
      if (CANVAS_KEYS.every((key) => settings.get(key) === before[key])) return;
      this.drawing()
        .then(async (gray) => {
          if (gray) return show(gray, await this.impostors());
          for (const key of CANVAS_KEYS) settings.set(key, before[key]);
        })
        .catch(showError);
    });
  }

  /** Writes the settings to the address. */
  write(): void {
    const hash = this.#settings.hash();
    if (hash !== location.hash) history.replaceState(null, '', hash || location.pathname);
  }

  /** The drawing of the settings; undefined if they have none, or if it is damaged. */
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

  /** The impostors of the settings. If they are damaged, shows an error and returns none. */
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

  /** To be called when the canvas shows a sample instead; its impostors stay. */
  sampleShown(label: number, sample: number): void {
    const { isBehind } = this;
    this.#forget();
    this.#settings.set('cells', '');
    this.#settings.set('digit', `${label}-${sample}`);
    if (isBehind) this.impostorsChanged();
  }

  /** To be called when the drawing changes. Its cells go into the address after REST_MS. */
  drawingChanged(): void {
    this.impostorsChanged();
    this.#redrawn = true;
  }

  /** To be called when the impostors change. Their places go into the address after REST_MS. */
  impostorsChanged(): void {
    window.clearTimeout(this.#later);
    this.#later = window.setTimeout(() => void this.writeNow().catch(showError), REST_MS);
  }

  /** Whether the canvas shows something that isn't in the address yet. */
  get isBehind(): boolean {
    return this.#later !== 0;
  }

  /** Writes what the canvas shows to the address. */
  async writeNow(): Promise<void> {
    const before = this.#later;
    const { gray, places } = await this.#session.look(({ main }) => ({
      gray: main.gray.slice(),
      places: main.impostors,
    }));
    const code = await encode(gray);
    const marked = gray.map((_, cell) => Number(places.has(cell)));
    const impostors = places.size > 0 ? await encode(marked) : '';
    if (before !== this.#later) return; // the canvas has changed again
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

function pick(settings: Settings): CanvasValues {
  const [digit, cells, impostors] = CANVAS_KEYS.map((key) => settings.get(key));
  return { digit, cells, impostors };
}
