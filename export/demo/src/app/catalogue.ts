/**
 * The models that the page offers: those that its server lists, and folders from the user's disk.
 */

import { fetchJson, type Folder, pickedFolder, servedFolder } from '../engine/folder';
import { Model, readManifest } from '../engine/model';
import { ReadableError } from '../engine/readable_error';

const ROOT = './models';
const INDEX = `${ROOT}/index.json`;
/** Stands for the impostors' rule, which isn't in the list of models. */
export const IMPOSTORS = '(impostors)';
/** The impostors were trained among the cells of this model. */
const TRAINED_AMONG = 'l2_noise';

/** Models by name, each loaded once, when it is first needed. */
export class Catalogue {
  /** Address of the sample digits. */
  readonly samples: string;
  readonly #folders: Map<string, Folder>;
  readonly #impostors: Folder | undefined;
  readonly #loaded = new Map<string, Promise<Model>>();

  private constructor(names: string[], samples: string, impostors: string | undefined) {
    this.#impostors = impostors === undefined ? undefined : servedFolder(`${ROOT}/${impostors}`);
    this.samples = `${ROOT}/${samples}`;
    this.#folders = new Map(names.map((name) => [name, servedFolder(`${ROOT}/${name}`)]));
  }

  /** @throws ReadableError the list is missing or damaged. */
  static async load(): Promise<Catalogue> {
    const index = (await fetchJson(INDEX)) as Record<string, unknown> | null;
    const { models: names, samples, impostors } = index ?? {};
    const fits = Array.isArray(names) && names.length > 0 && names.every(isFileName);
    if (!fits || !isFileName(samples)) {
      throw new ReadableError(
        `${INDEX}: expected {"models": [names of folders], "samples": file}. ` +
          'Build the page again: python -m export.site',
      );
    }
    return new Catalogue(names, samples, isFileName(impostors) ? impostors : undefined);
  }

  /** Names, in the order in which to try them if the user names none. */
  get names(): string[] {
    return [...this.#folders.keys()];
  }

  /** Whether the page has a rule of impostors. */
  get hasImpostors(): boolean {
    return this.#impostors !== undefined;
  }

  /** A model among whose cells impostors can live; undefined if the page has none. */
  async acceptingImpostors(): Promise<{ name: string; title: string } | undefined> {
    if (!this.#impostors) return undefined;
    const { stateChannels } = await readManifest(this.#impostors);
    for (const name of [TRAINED_AMONG, ...this.names]) {
      const folder = this.#folders.get(name);
      const manifest = folder && (await readManifest(folder).catch(() => undefined));
      if (manifest?.stateChannels === stateChannels) return { name, title: manifest.title };
    }
    return undefined;
  }

  /**
   * What to call each model: the title in its manifest, with its name where two have the same
   * title; its name alone where the manifest can't be read.
   */
  async titles(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const taken = new Set<string>();
    for (const [name, folder] of this.#folders) {
      // Loading the model reports what is wrong with it.
      const title = await readManifest(folder).then(
        (manifest) => manifest.title,
        () => name,
      );
      found.set(name, taken.has(title) ? `${title} (${name})` : title);
      taken.add(title);
    }
    return found;
  }

  /**
   * Loads a model, or IMPOSTORS, on the current backend; the caller disposes of it.
   *
   * @throws ReadableError there is none of that name, or it is damaged.
   */
  async load(name: string): Promise<Model> {
    const folder = name === IMPOSTORS ? this.#impostors : this.#folders.get(name);
    if (!folder) {
      const known = this.names.join(', ');
      throw new ReadableError(
        `There is no model ${name} here, only ${known}. If it was a folder that you opened, ` +
          'open it again: the page forgets folders when it is reloaded.',
      );
    }
    return Model.load(folder);
  }

  /** As `load`, but the catalogue keeps the model, and loads it only once. */
  async model(name: string): Promise<Model> {
    const loading = this.#loaded.get(name) ?? this.load(name);
    this.#loaded.set(name, loading);
    try {
      return await loading;
    } catch (error) {
      this.#loaded.delete(name); // so that it can be tried again
      throw error;
    }
  }

  /**
   * Loads models on a backend that has just become current, and frees those of the old one.
   * TensorFlow.js can't move weights between all backends.
   */
  async reload(names: readonly string[]): Promise<Model[]> {
    const loading = new Map<string, Promise<Model>>();
    for (const name of names) loading.set(name, loading.get(name) ?? this.load(name));
    const models = await Promise.all(names.map((name) => loading.get(name)!));
    for (const old of this.#loaded.values()) (await old).dispose();
    this.#loaded.clear();
    for (const [name, model] of loading) this.#loaded.set(name, model);
    return models;
  }

  /**
   * Adds an exported folder of the user's.
   *
   * @returns its name in the catalogue.
   * @throws ReadableError it is no exported model.
   */
  async add(files: readonly File[]): Promise<string> {
    const folder = pickedFolder(files);
    const model = await Model.load(folder);
    let name = folder.name.replace(/[^\w.-]/g, '_') || 'folder';
    while (this.#folders.has(name)) name += '_';
    this.#folders.set(name, folder);
    this.#loaded.set(name, Promise.resolve(model));
    return name;
  }
}

function isFileName(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.-]+$/.test(value) && !/^\.+$/.test(value);
}
