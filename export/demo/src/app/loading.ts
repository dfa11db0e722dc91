/**
 * What the page loads before its cells can run.
 */

import type { Model } from '../engine/model';
import { BackendChoice } from './backend_choice';
import { Catalogue } from './catalogue';
import { element, select } from './elements';
import { showError } from './messages';
import { Samples } from './samples';
import type { Settings } from './settings';

/** The last entry of the models: a folder of the user's. */
export const OPEN_FOLDER = 'open';

/** The page has a button for each. */
export const DIGITS = 10;

/** What is there once all is loaded. */
export interface Loaded {
  readonly catalogue: Catalogue;
  readonly samples: Samples;
  readonly backends: BackendChoice;
  readonly model: Model;
}

/**
 * Loads models, samples and a backend, as the settings want them.
 *
 * @throws ReadableError a file is missing or damaged.
 */
export async function load(settings: Settings): Promise<Loaded> {
  const catalogue = await Catalogue.load();
  const samples = await Samples.load(catalogue.samples, DIGITS);
  element('dataset', HTMLSpanElement).textContent = samples.dataset;
  if (settings.get('model') === '') settings.set('model', catalogue.names[0]);
  const size = settings.get('size');
  const backends = new BackendChoice(
    () => catalogue.load(settings.get('model')),
    samples.one(3, 0, size),
    size,
  );
  try {
    await backends.prepare(settings.get('backend'));
  } catch (error) {
    showError(error);
    settings.set('backend', 'auto');
    await backends.prepare('auto');
  }
  const model = await catalogue.model(settings.get('model'));
  await listModels(catalogue);
  return { catalogue, samples, backends, model };
}

/** Fills the select 'Model' with the catalogue's models by their titles. */
export async function listModels(catalogue: Catalogue): Promise<void> {
  const titles = await Promise.all(catalogue.names.map((name) => catalogue.title(name)));
  const options = catalogue.names.map((name, i) => new Option(titles[i], name));
  select('model').replaceChildren(...options, new Option('Open a folder…', OPEN_FOLDER));
}
