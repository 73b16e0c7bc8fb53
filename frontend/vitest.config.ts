import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    testTimeout: 30_000, // some move 200 MB through a local server
    coverage: { provider: 'v8', include: ['src/*.ts'], exclude: ['src/*.d.ts'], reporter: ['text'] },
  },
});
