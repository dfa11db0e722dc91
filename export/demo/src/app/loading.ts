/**
 * What the page loads before its cells can run.
 */

import type { Model } from '../engine/model';
import { ReadableError } from '../engine/readable_error';
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

/** What the page has once all is loaded. */
export interface Loaded {
  readonly catalogue: Catalogue;
  readonly samples: Samples;
  readonly backends: BackendChoice;
  readonly model: Model;
}

/**
 * Loads models, samples and a backend, as the settings say. If a model or backend isn't
 * available, says so and takes another.
 *
 * @throws ReadableError a file is missing or damaged, and there is nothing in its place.
 */
export async function load(settings: Settings): Promise<Loaded> {
  const catalogue = await Catalogue.load();
  const samples = await Samples.load(catalogue.samples, DIGITS);
  element('dataset', HTMLSpanElement).textContent = samples.dataset;
  const wanted = settings.get('model') || catalogue.names[0];
  const order = [...new Set([wanted, ...catalogue.names])];
  const size = settings.get('size');
  const backends = new BackendChoice(
    async () => (await firstThatLoads(order, (name) => catalogue.load(name))).model,
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
  const found = await firstThatLoads(order, (name) => catalogue.model(name));
  const { name, model, failure } = found;
  settings.set('model', name);
  await listModels(catalogue);
  if (failure) {
    const { title } = model.manifest;
    showError(new ReadableError(`${failure.message} Instead, these cells run ${title}.`));
  }
  return { catalogue, samples, backends, model };
}

/** The first model that can be loaded, and the error of the first one that can't. */
async function firstThatLoads(
  names: readonly string[],
  load: (name: string) => Promise<Model>,
): Promise<{ name: string; model: Model; failure: ReadableError | undefined }> {
  let failure: ReadableError | undefined;
  for (const name of names) {
    try {
      return { name, model: await load(name), failure };
    } catch (error) {
      if (!(error instanceof ReadableError)) throw error;
      failure ??= error;
    }
  }
  throw failure;
}

/** Fills the select 'Model' with the catalogue's models by their titles. */
export async function listModels(catalogue: Catalogue): Promise<void> {
  const options = [...(await catalogue.titles())].map(([name, title]) => new Option(title, name));
  select('model').replaceChildren(...options, new Option('Open a folder…', OPEN_FOLDER));
}
