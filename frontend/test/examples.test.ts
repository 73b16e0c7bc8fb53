import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeExamples } from '../src/examples';
import { RECORDS, sealed } from './samples';

const DIRECTORY = new URL('examples/', RECORDS);
const NAMES = readdirSync(DIRECTORY)
  .filter((file) => file.endsWith('.bin'))
  .map((file) => file.slice(0, -4));

function golden(name: string) {
  const bytes = new Uint8Array(readFileSync(new URL(`${name}.bin`, DIRECTORY)));
  return { bytes, content: JSON.parse(readFileSync(new URL(`${name}.json`, DIRECTORY), 'utf8')) };
}

const read = NAMES.filter((name) => golden(name).content.examples);
const refused = NAMES.filter((name) => golden(name).content.type === 'examples' && golden(name).content.error);

test('there are golden records of both kinds', () => {
  expect(read.length).toBeGreaterThan(3);
  expect(refused.length).toBeGreaterThan(10);
});

describe('the golden records', () => {
  test.each(read)('%s is read as Python reads it', async (name) => {
    const { bytes, content } = golden(name);
    const found = await decodeExamples(bytes);
    expect([found.numClasses, found.classesId]).toEqual([content.num_classes, content.classes_id]);
    expect(found.cells.map((cell) => [cell.trueClass, cell.predictedClass, cell.examples.length, cell.seen])).toEqual(
      content.cells,
    );
    const examples = found.cells.flatMap((cell) => cell.examples);
    expect(
      examples.map((one) => ({
        true: one.trueClass,
        predicted: one.predictedClass,
        image: one.image && [one.image.pack, one.image.name],
        no_image: one.noImage,
        id: one.id,
        text: one.text,
        confidence: one.confidence,
        true_confidence: one.trueConfidence,
      })),
    ).toEqual(content.examples);
  });

  test.each(refused)('%s is refused as Python refuses it', async (name) => {
    const { bytes, content } = golden(name);
    await expect(decodeExamples(bytes)).rejects.toThrow(new RegExp(content.error));
  });
});

test.each([
  ['an index of a pack that is no index', { packs: ['00112233445566aa'], images: [['length', '00112233445566aa']] }],
  ['an index of a pack that is not there', { packs: ['00112233445566aa'], images: [[1, '00112233445566aa']] }],
  ['a name that leads elsewhere', { packs: ['00112233445566aa'], images: [[0, '../../etc']] }],
  ['an id that is markup in a list', { ids: [['<b>']] }],
])('%s is refused', async (_, wrong) => {
  const record = await sealed(
    { type: 'examples', num_classes: 2, classes: null, cells: [[0, 1, 1, 4]], ...wrong },
    new Uint8Array(),
  );
  await expect(decodeExamples(record)).rejects.toThrow(/damaged record: (images|ids) that do not fit/);
});
