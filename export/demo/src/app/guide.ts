/**
 * Runs the guided experiments: first the scene, then, once the cells agree on it, what the
 * experiment does to them.
 */

import type { Colony } from '../engine/colony';
import { element } from './elements';
import { type Experiment, EXPERIMENTS } from './experiments';

const LEAST_MS = 2000; // in which the scene can be seen
const LEAST_STEPS = 40;
const MOST_STEPS = 200; // on some digits the cells never agree

/** What the guide can do to the page. */
export interface Actions {
  /** Puts a scene onto the canvas and lets it run. */
  readonly begin: (experiment: Experiment) => void;
  /** Makes an edit that undo can take back. */
  readonly edit: (change: (cells: Colony) => void, lies: boolean) => void;
  readonly showNotice: (text: string) => void;
}

/** The list of experiments, and the one that is going on. */
export class Guide {
  readonly #actions: Actions;
  #next: Experiment | undefined;
  #started = 0; // milliseconds

  /**
   * @param models names of those that the page has.
   * @param impostors whether it has impostors.
   */
  constructor(actions: Actions, models: readonly string[], impostors: boolean) {
    this.#actions = actions;
    const offered = EXPERIMENTS.filter(
      ({ models: needed = [], lies }) =>
        needed.every((name) => models.includes(name)) && (impostors || !lies),
    );
    const items = offered.map((experiment) => this.#item(experiment));
    element('experiments', HTMLUListElement).replaceChildren(...items);
  }

  /** To be called with each picture; does the rest of the experiment when it is time. */
  watch(step: number, agree: boolean): void {
    const next = this.#next;
    if (!next || performance.now() - this.#started < LEAST_MS) return;
    if (step < LEAST_STEPS || (!agree && step < MOST_STEPS)) return;
    this.#next = undefined;
    if (!next.then) return;
    this.#actions.edit(next.then.act, next.lies ?? false);
    this.#actions.showNotice(next.then.says);
  }

  /** Ends the experiment, because the user does something else. */
  leave(): void {
    this.#next = undefined;
  }

  #item(experiment: Experiment): HTMLLIElement {
    const sentence = document.createElement('span');
    sentence.id = `says-${experiment.id}`;
    sentence.textContent = experiment.says;
    const button = document.createElement('button');
    button.id = `try-${experiment.id}`;
    button.type = 'button';
    button.textContent = experiment.button;
    button.setAttribute('aria-describedby', sentence.id);
    button.addEventListener('click', () => {
      this.#actions.begin(experiment);
      this.#next = experiment;
      this.#started = performance.now();
    });
    const item = document.createElement('li');
    item.append(sentence, button);
    return item;
  }
}
