import { describe, expect, it } from 'vitest';

import { parseManifest } from './manifest';
import { ReadableError } from './readable_error';

const names = (...keys: string[]) => Object.fromEntries(keys.map((key) => [key, `${key}:0`]));

const GOOD = {
  format: 'selforg_mnist',
  version: 1,
  name: 'l2',
  title: 'L2',
  channels: 20,
  state_channels: 19,
  classes: 10,
  image_size: 28,
  alive_threshold: 0.1,
  undecided_below: 0.01,
  fire_rate: 0.5,
  residual_noise: 0,
  palette: Array.from({ length: 10 }, (_, label) => [label, 0, 255]),
  dense: { model: 'model.json', inputs: names('x', 'fire_rate', 'noise'), outputs: names('x') },
  living: {
    model: 'living/model.json',
    inputs: names('state', 'neighbours', 'gray_part', 'firing', 'slots', 'noise', 'gray'),
    outputs: names('state', 'gray_part'),
  },
};

describe('parseManifest', () => {
  it('reads what the page needs', () => {
    const manifest = parseManifest({ ...GOOD, more: 'than that' }, 'manifest.json');
    expect(manifest.stateChannels).toBe(19);
    expect(manifest.palette[3]).toEqual([3, 0, 255]);
    expect(manifest.living.inputs['firing']).toBe('firing:0');
  });

  it('has defaults for what earlier exports lack', () => {
    const old = parseManifest({ ...GOOD, largest_state: null }, 'manifest.json');
    expect([old.sizes, old.largestState]).toEqual([[1, 1], 100]);
    const later = { ...GOOD, sizes: [0.7, 2.2], largest_state: 6.3 };
    const manifest = parseManifest(later, 'manifest.json');
    expect([manifest.sizes, manifest.largestState]).toEqual([[0.7, 2.2], 6.3]);
  });

  it.each([
    ['format', 'another', 'format is "another"'],
    ['version', 2, 'version is 2, expected 1'],
    ['title', '', 'title is ""'],
    ['channels', 19, 'channels is 19, expected a number from 20 to 20'],
    ['state_channels', 9, 'state_channels is 9'],
    ['classes', 10.5, 'classes is 10.5, expected a whole number'],
    ['fire_rate', '0.5', 'fire_rate is "0.5"'],
    ['palette', [[0, 0, 0]], 'palette is [[0,0,0]], expected 10 colours'],
    ['palette', GOOD.palette.map(() => [0, 0, 256]), 'palette is'],
    ['living', { ...GOOD.living, outputs: {} }, "a graph's file and the names"],
    ['dense', undefined, 'dense is nothing'],
    ['largest_state', -1, 'largest_state is -1'],
    ['sizes', [2, 1], 'sizes is [2,1], expected two numbers'],
    ['sizes', 2, 'sizes is 2'],
  ])('refuses %s %j', (key, value, message) => {
    const parse = () => parseManifest({ ...GOOD, [key]: value }, 'manifest.json');
    expect(parse).toThrow(ReadableError);
    expect(parse).toThrow(message);
  });

  it.each([null, [], 'text', 3])('refuses %j', (json) => {
    expect(() => parseManifest(json, 'manifest.json')).toThrow('expected a JSON object');
  });
});
