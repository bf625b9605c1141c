/** What follows Vite: compressed copies, which the server sends as they are, and the licenses of the fonts. */

import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const DIST = join(import.meta.dirname, "..", "static", "dist");
const ASSETS = join(DIST, "assets");
const FONTS = join(import.meta.dirname, "node_modules", "@fontsource-variable");

for (const name of readdirSync(ASSETS)) {
  if (!/\.(js|css)$/.test(name)) continue;
  const file = join(ASSETS, name);
  const content = readFileSync(file);
  const options = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } };
  writeFileSync(`${file}.br`, brotliCompressSync(content, options));
  writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
}

for (const font of readdirSync(FONTS)) {
  copyFileSync(join(FONTS, font, "LICENSE"), join(DIST, `license-${font}.txt`));
}
