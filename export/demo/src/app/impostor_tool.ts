/**
 * The tool Impostor: loads the impostors' rule when it is first needed, and says so if the model
 * can't have impostors.
 */

import type { Places } from '../engine/impostors';
import { type Catalogue, IMPOSTORS } from './catalogue';
import { button, element } from './elements';
import { showError } from './messages';
import type { Session } from './session';
import type { Settings } from './settings';

/** Knows whether the cells can have impostors. */
export class ImpostorTool {
  readonly #settings: Settings;
  readonly #session: Session;
  readonly #catalogue: Catalogue;
  #instead = ''; // the model that the button offers

  constructor(settings: Settings, session: Session, catalogue: Catalogue) {
    this.#settings = settings;
    this.#session = session;
    this.#catalogue = catalogue;
    button('impostor').hidden = !catalogue.hasImpostors;
    button('use-other-model').addEventListener('click', () => {
      settings.set('model', this.#instead);
      settings.set('tool', 'impostor');
    });
  }

  /** Checks whether tool and model fit together, after one of them has changed. */
  check(): void {
    this.#say('');
    if (this.#settings.get('tool') !== 'impostor') return;
    this.ready()
      .then((accepted) => (accepted ? undefined : this.#refuse()))
      .catch((error: unknown) => {
        this.#settings.set('tool', 'pencil');
        showError(error);
      });
  }

  /** Loads the rule if that hasn't been done; returns whether the model accepts impostors. */
  async ready(): Promise<boolean> {
    await this.#session.change(async (cells) => {
      if (cells.impostorRule || !this.#catalogue.hasImpostors) return;
      cells.useImpostors(await this.#catalogue.model(IMPOSTORS));
    });
    return this.#session.cells.main.acceptsImpostors;
  }

  /** Puts impostors where a link has them. */
  async put(places: Places): Promise<void> {
    if (places.size === 0) return;
    if (await this.ready()) {
      await this.#session.change((cells) => {
        cells.impostors = places;
      });
    } else {
      this.#settings.set('impostors', '');
      await this.#refuse();
    }
  }

  async #refuse(): Promise<void> {
    if (this.#settings.get('tool') === 'impostor') this.#settings.set('tool', 'pencil');
    const instead = await this.#catalogue.acceptingImpostors();
    const { title } = this.#session.cells.main.model.manifest;
    const why = instead ? `: they were trained among cells like those of ${instead.title}` : '';
    this.#say(`Impostors can't be used with ${title}${why}.`);
    if (!instead) return;
    this.#instead = instead.name;
    button('use-other-model').textContent = `Use ${instead.title}`;
    button('use-other-model').hidden = false;
  }

  #say(text: string): void {
    element('no-impostors', HTMLSpanElement).textContent = text;
    button('use-other-model').hidden = true;
  }
}
