/**
 * The models that the page offers: those that its server lists, and folders from the user's disk.
 */

import { fetchJson, type Folder, pickedFolder, servedFolder } from '../engine/folder';
import { Model, readManifest } from '../engine/model';
import { ReadableError } from '../engine/readable_error';

const ROOT = './models';
const INDEX = `${ROOT}/index.json`;

/** Models by name, each loaded once, when it is first wanted. */
export class Catalogue {
  /** Address of the sample digits. */
  readonly samples: string;
  readonly #folders: Map<string, Folder>;
  readonly #loaded = new Map<string, Promise<Model>>();

  private constructor(names: string[], samples: string) {
    this.samples = `${ROOT}/${samples}`;
    this.#folders = new Map(names.map((name) => [name, servedFolder(`${ROOT}/${name}`)]));
  }

  /** @throws ReadableError the list is missing, or none. */
  static async load(): Promise<Catalogue> {
    const index = (await fetchJson(INDEX)) as { models?: unknown; samples?: unknown } | null;
    const names = index?.models;
    const fits = Array.isArray(names) && names.length > 0 && names.every(isFileName);
    if (!fits || !isFileName(index?.samples)) {
      throw new ReadableError(
        `${INDEX}: expected {"models": [names of folders], "samples": file}. ` +
          'Build the page again: python -m export.site',
      );
    }
    return new Catalogue(names, index.samples);
  }

  get names(): string[] {
    return [...this.#folders.keys()];
  }

  /** The title in a model's manifest; its name where that can't be read. */
  async title(name: string): Promise<string> {
    const folder = this.#folders.get(name);
    try {
      return folder ? (await readManifest(folder)).title : name;
    } catch {
      return name; // the model's own loading tells what is wrong
    }
  }

  /**
   * Loads a model on the current backend; the caller disposes of it.
   *
   * @throws ReadableError there is none of that name, or it is damaged.
   */
  async load(name: string): Promise<Model> {
    const folder = this.#folders.get(name);
    if (!folder) {
      const known = this.names.join(', ');
      throw new ReadableError(`There is no model ${name}, expected one of ${known}.`);
    }
    return Model.load(folder);
  }

  /** As `load`, but each once, and the catalogue keeps it. */
  async model(name: string): Promise<Model> {
    const loading = this.#loaded.get(name) ?? this.load(name);
    this.#loaded.set(name, loading);
    try {
      return await loading;
    } catch (error) {
      this.#loaded.delete(name); // so that it may be tried again
      throw error;
    }
  }

  /**
   * Loads a model on a backend that has just become current, and lets go of those of the old one:
   * TensorFlow.js can't move weights between all backends.
   */
  async reload(name: string): Promise<Model> {
    const model = await this.load(name);
    for (const old of this.#loaded.values()) (await old).dispose();
    this.#loaded.clear();
    this.#loaded.set(name, Promise.resolve(model));
    return model;
  }

  /**
   * Takes up an exported folder of the user's.
   *
   * @returns the name under which it now stands in the catalogue.
   * @throws ReadableError it isn't one.
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
