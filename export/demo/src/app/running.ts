/**
 * What the cells run with: a model, perhaps a second one beside it, fire rate, noise, a backend.
 */

import type { Rule } from '../engine/model';
import { IMPOSTORS } from './catalogue';
import type { Controls } from './controls';
import { element, select, slider } from './elements';
import { listModels, type Loaded, OPEN_FOLDER } from './loading';
import { clearError, showError, showNotice } from './messages';
import type { Session } from './session';
import type { Settings, Values } from './settings';
import type { View } from './view';

type Choice = 'model' | 'beside' | 'backend';

/** Makes the cells follow the settings that say what they run with. */
export class Running {
  readonly #settings: Settings;
  readonly #session: Session;
  readonly #controls: Controls;
  readonly #view: View;
  readonly #loaded: Loaded;
  /** What the cells use now; the settings may already be others. */
  readonly #inUse: Pick<Values, Choice>;

  constructor(
    settings: Settings,
    session: Session,
    controls: Controls,
    view: View,
    loaded: Loaded,
  ) {
    this.#settings = settings;
    this.#session = session;
    this.#controls = controls;
    this.#view = view;
    this.#loaded = loaded;
    this.#inUse = {
      model: settings.get('model'),
      beside: '',
      backend: settings.get('backend'),
    };
    select('model').value = this.#inUse.model;
    select('model').addEventListener('change', () => this.#pickModel());
    slider('folder').addEventListener('change', () => this.#openFolder());
    this.#show(loaded.model);
  }

  /** Does what a changed setting asks for. */
  follow(key: Choice | 'fire' | 'noise'): void {
    if (key === 'model') this.#changeModel();
    else if (key === 'beside') this.#changeBeside();
    else if (key === 'backend') this.#changeBackend();
    else this.#setRandomness();
  }

  #setRandomness(): void {
    for (const canvas of this.#session.cells.all) {
      const { fireRate, residualNoise } = canvas.model.manifest;
      canvas.fireRate = this.#settings.get('fire') ?? fireRate;
      canvas.noise = this.#settings.get('noise') ?? residualNoise;
    }
  }

  /** Makes controls and view show a model that the cells already use. */
  #show({ manifest }: Rule): void {
    this.#controls.setOwn(manifest.fireRate, manifest.residualNoise);
    this.#setRandomness();
    element('main-title', HTMLElement).textContent = manifest.title;
    this.#view.useModel(manifest);
  }

  #changeModel(): void {
    const name = this.#settings.get('model');
    select('model').value = name;
    const changed = this.#session.change(async (cells) => {
      if (name === this.#inUse.model) return;
      const model = await this.#loaded.catalogue.model(name);
      const { main, impostors } = cells;
      const before = main.model.manifest.title;
      const statesKept = await main.useModel(model);
      this.#inUse.model = name;
      clearError();
      cells.impostors = main.impostors; // on the other canvas too
      const without = cells.impostors.size < impostors.size ? ' (without impostors)' : '';
      const { title } = model.manifest;
      const why = `${title} can't use the states that ${before} left`;
      showNotice(statesKept ? '' : `The cells start again${without}: ${why}.`);
      this.#show(model);
      this.#view.mark('model');
    });
    this.#try(changed, 'model');
  }

  /** Shows the drawing under a second model too, or no longer does. */
  #changeBeside(): void {
    const name = this.#settings.get('beside');
    const changed = this.#session.change(async (cells) => {
      if (name === this.#inUse.beside) return;
      if (name === '') {
        cells.removeTwin();
      } else {
        const model = await this.#loaded.catalogue.model(name);
        cells.addTwin(model);
        this.#setRandomness();
        element('twin-title', HTMLElement).textContent = model.manifest.title;
        this.#view.mark('reset');
      }
      this.#inUse.beside = name;
      clearError();
    });
    this.#try(changed, 'beside');
  }

  #changeBackend(): void {
    const { backends, catalogue } = this.#loaded;
    const backend = this.#settings.get('backend');
    const changed = this.#session.change(async (cells) => {
      if (backend === this.#inUse.backend) return;
      const { model, beside } = this.#inUse;
      const names = beside ? [model, beside] : [model];
      if (cells.impostorRule) names.push(IMPOSTORS);
      await cells.move(async () => {
        await backends.prepare(backend);
        return catalogue.reload(names);
      });
      this.#inUse.backend = backend;
      clearError();
    });
    this.#try(changed, 'backend');
  }

  /** If a choice fails, its setting goes back to what the cells use. */
  #try(work: Promise<void>, key: Choice): void {
    work.catch((error: unknown) => {
      this.#settings.set(key, this.#inUse[key]);
      showError(error);
    });
  }

  #pickModel(): void {
    const choice = select('model');
    if (choice.value !== OPEN_FOLDER) {
      this.#settings.set('model', choice.value);
      return;
    }
    choice.value = this.#settings.get('model');
    slider('folder').click();
  }

  #openFolder(): void {
    const files = [...(slider('folder').files ?? [])];
    slider('folder').value = ''; // so that the same folder can be picked again
    if (files.length === 0) return;
    const { catalogue } = this.#loaded;
    const added = catalogue.add(files).then(async (name) => {
      await listModels(catalogue);
      this.#settings.set('model', name);
    });
    added.then(clearError, showError);
  }
}
