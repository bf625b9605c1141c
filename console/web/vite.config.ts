/// <reference types="vitest/config" />
import { defineConfig } from "vite";

/** Chunks have names that tell what is in them, so that sizes can be budgeted and read in the browser's tools. */
const CHUNKS = [
  { name: "react", test: /node_modules\/(react|react-dom|scheduler)\// },
  { name: "flow", test: /node_modules\/(@xyflow|zustand|d3-|classcat|use-sync-external-store)/ },
  { name: "dagre", test: /node_modules\/@dagrejs\// },
  { name: "yaml", test: /node_modules\/yaml\// },
  { name: "codemirror", test: /node_modules\/(@codemirror|@lezer|style-mod|w3c-keyname|crelt)\// },
];

export default defineConfig({
  // Relative, so that the files work under whatever path the console serves them.
  base: "./",
  server: { port: 5173, strictPort: true, cors: true, origin: "http://localhost:5173" },
  worker: { format: "es" },
  build: {
    outDir: "../static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    license: { fileName: "licenses.md" },
    target: ["chrome125", "firefox125", "safari18"],
    // A data: font or script would be refused by the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: ["src/entries/shell.ts", "src/entries/run.tsx", "src/entries/editor.tsx", "src/entries/text.ts"],
      output: { codeSplitting: { groups: CHUNKS } },
    },
  },
  test: {
    include: ["src/**/*.test.{ts,tsx}"],
    environment: "node",
  },
});
