/**
 * Keeps the page's address and what the page shows the same, both ways: settings and the drawing.
 *
 * A sample digit stands in the address by its name, any other drawing by its cells.
 */

import { ReadableError } from '../engine/readable_error';
import { decode, encode } from './drawing_code';
import { showError } from './messages';
import type { Samples } from './samples';
import type { Session } from './session';
import { parse, type Settings, SIZES } from './settings';

const REST_MS = 300; // how long a drawing rests before its cells go into the address

/** What the address needs of the page. */
export interface Shows {
  /** Puts a drawing that the address carries onto the canvas. */
  readonly show: (gray: Float32Array) => void;
  /** The model at the start. */
  readonly model: string;
}

/** The address of one page. */
export class Address {
  readonly #settings: Settings;
  readonly #session: Session;
  readonly #samples: Samples;
  #later = 0; // a timer, while the address is behind

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
      const [digit, cells] = [settings.get('digit'), settings.get('cells')];
      const given = parse(location.hash);
      const shown = given.digit === '' && given.cells === '' ? { digit, cells } : {};
      settings.follow(location.hash, { model, ...shown });
      this.write();
      if (settings.get('digit') === digit && settings.get('cells') === cells) return;
      this.drawing()
        .then((gray) => {
          if (gray) return show(gray);
          settings.set('digit', digit);
          settings.set('cells', cells);
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

  /** The canvas now shows that sample. */
  sample(label: number, sample: number): void {
    this.#forget();
    this.#settings.set('cells', '');
    this.#settings.set('digit', `${label}-${sample}`);
  }

  /** The canvas now shows something else: its cells go into the address when they rest. */
  drawn(): void {
    this.#forget();
    this.#later = window.setTimeout(() => void this.tell().catch(showError), REST_MS);
  }

  /** Whether the canvas shows something that the address doesn't tell yet. */
  get isBehind(): boolean {
    return this.#later !== 0;
  }

  /** Writes the cells of the canvas to the address. */
  async tell(): Promise<void> {
    const before = this.#later;
    const gray = await this.#session.look(({ main }) => main.gray.slice());
    const code = await encode(gray);
    if (before !== this.#later) return; // it shows something else by now
    this.#forget();
    this.#settings.set('digit', '');
    this.#settings.set('cells', code);
  }

  #forget(): void {
    window.clearTimeout(this.#later);
    this.#later = 0;
  }
}
