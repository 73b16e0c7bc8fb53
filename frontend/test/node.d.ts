// The little of Node that the tests use; the page itself must do without it.

declare module 'node:fs' {
  export function readFileSync(path: URL): Uint8Array<ArrayBuffer>;
  export function readFileSync(path: URL, encoding: 'utf8'): string;
  export function readdirSync(path: URL): string[];
}

declare module 'node:zlib' {
  export function deflateSync(data: Uint8Array, options: { level: number }): Uint8Array<ArrayBuffer>;
  export function inflateSync(data: Uint8Array): Uint8Array<ArrayBuffer>;
}

declare module 'node:process' {
  export const env: Record<string, string | undefined>;
}

declare module 'node:http' {
  interface Request {
    readonly url: string;
  }
  interface Response {
    writeHead(status: number, headers?: Record<string, string>): Response;
    end(content?: string | Uint8Array): void;
    destroy(): void;
  }
  interface Server {
    listen(port: number, host: string, listening: () => void): void;
    address(): { port: number };
    close(closed: () => void): void;
    closeAllConnections(): void;
  }
  export function createServer(answer: (request: Request, response: Response) => void): Server;
}
