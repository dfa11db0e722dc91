/**
 * Ties the page's controls to the settings, both ways.
 */

import { button, element, select, slider } from './elements';
import {
  type Key,
  type Settings,
  SPEEDS,
  type Speed,
  TOOLS,
  type Value,
  type Values,
} from './settings';

/** Steps a frame at a speed setting; Infinity: as many as there is time for. */
export function stepsAFrame(speed: Speed): number {
  if (speed === 'max') return Infinity;
  const [steps, frames = 1] = speed.split('/').map(Number);
  return steps / frames;
}

const NOISE = 0.1; // the end of its slider

/** The text beside each slider; a value of null is the model's own. */
const VALUE_TEXTS: Readonly<Record<string, (settings: Settings) => string>> = {
  brush: (s) => `${s.get('brush')}`,
  hue: (s) => `${s.get('hue')}°`,
  fire: (s) => shownOrOwn(s.get('fire')),
  noise: (s) => shownOrOwn(s.get('noise')),
};

function shownSpeed(speed: Speed): string {
  if (speed === 'max') return 'as fast as possible';
  return `${speed} ${speed === '2' || speed === '4' ? 'steps' : 'step'} a frame`;
}

function shownOrOwn(value: number | null): string {
  return value === null ? 'the model’s' : `${value}`;
}

/** All controls: each changes its setting when the user moves it, and shows it when it changes. */
export class Controls {
  readonly #settings: Settings;
  /** What the sliders for fire rate and noise show while the settings leave them to the model. */
  #own = { fire: 0, noise: 0 };
  #slow = false;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#slider('brush', Number);
    this.#slider('hue', Number);
    this.#slider('fire', Number);
    this.#slider('noise', Number);
    this.#slider('speed', (text) => SPEEDS[Number(text)]);
    for (const key of ['size', 'palette', 'view', 'backend'] as const) this.#select(key);
    for (const tool of TOOLS) {
      button(tool).addEventListener('click', () => settings.set('tool', tool));
    }
    button('theme').addEventListener('click', () => {
      settings.set('theme', isDark(settings.get('theme')) ? 'light' : 'dark');
    });
    button('help').addEventListener('click', () => {
      element('help-dialog', HTMLDialogElement).showModal();
    });
    const more = element('more', HTMLDetailsElement);
    more.addEventListener('toggle', () => settings.set('more', more.open ? 'yes' : 'no'));
    settings.onChange(() => this.show());
    const scheme = window.matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', () => this.show());
  }

  /** The model's own fire rate and noise. */
  setOwn(fire: number, noise: number): void {
    this.#own = { fire, noise };
    this.show();
  }

  /** Shows whether the cells are slower for a while than the slider says. */
  setSlow(slow: boolean): void {
    if (slow === this.#slow) return;
    this.#slow = slow;
    this.show();
  }

  /** Makes the controls show the settings. */
  show(): void {
    const settings = this.#settings;
    slider('brush').value = `${settings.get('brush')}`;
    slider('hue').value = `${settings.get('hue')}`;
    slider('fire').value = `${settings.get('fire') ?? this.#own.fire}`;
    const noise = settings.get('noise') ?? this.#own.noise;
    slider('noise').max = `${Math.max(NOISE, noise)}`; // some models were trained with more
    slider('noise').value = `${noise}`;
    slider('speed').value = `${SPEEDS.indexOf(settings.get('speed'))}`;
    for (const [id, text] of Object.entries(VALUE_TEXTS)) showValue(id, text(settings));
    showValue('speed', this.#slow ? 'slow at first' : shownSpeed(settings.get('speed')));
    for (const key of ['size', 'palette', 'view', 'backend'] as const) {
      select(key).value = `${settings.get(key)}`;
    }
    for (const tool of TOOLS) {
      button(tool).setAttribute('aria-pressed', `${settings.get('tool') === tool}`);
    }
    const dark = isDark(settings.get('theme'));
    document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
    button('theme').textContent = dark ? 'Light' : 'Dark';
    element('channels-card', HTMLDivElement).hidden = settings.get('view') !== 'channels';
    element('curve-card', HTMLDivElement).hidden = settings.get('view') === 'channels';
    const beside = settings.get('beside') !== '';
    element('canvases', HTMLDivElement).classList.toggle('two', beside);
    for (const part of document.querySelectorAll<HTMLElement>('.of-two')) part.hidden = !beside;
    element('more', HTMLDetailsElement).open = settings.get('more') === 'yes';
    button('play').textContent = settings.get('play') === 'yes' ? 'Pause' : 'Play';
  }

  #slider<K extends Key>(key: K, read: (text: string) => Values[K]): void {
    const control = slider(key);
    control.addEventListener('input', () => this.#settings.set(key, read(control.value)));
  }

  #select(key: 'size' | 'palette' | 'view' | 'backend'): void {
    const control = select(key);
    control.addEventListener('change', () => {
      const value = key === 'size' ? Number(control.value) : control.value;
      this.#settings.set(key, value as never);
    });
  }
}

/** Shows a slider's value beside it and to screen readers. */
function showValue(id: string, shown: string): void {
  element(`${id}-value`, HTMLSpanElement).textContent = shown;
  slider(id).setAttribute('aria-valuetext', shown);
}

function isDark(theme: Value<'theme'>): boolean {
  if (theme !== 'auto') return theme === 'dark';
  return window.matchMedia('(prefers-color-scheme: dark)').matches;
}
