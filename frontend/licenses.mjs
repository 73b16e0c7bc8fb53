// Writes the licenses of what is bundled beside the bundle: they ask to go with every copy.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const [metafile, output] = process.argv.slice(2);
const inputs = Object.keys(JSON.parse(readFileSync(metafile, 'utf8')).inputs);
const packages = [...new Set(inputs.flatMap((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? []))].sort();
const texts = packages.map((name) => {
  const folder = `node_modules/${name}`;
  const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} has no license file; find its terms before it is bundled`);
  return `${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`;
});
writeFileSync(output, `index.js contains these packages, each under its own license.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`);
