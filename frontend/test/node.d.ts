// The little of Node that the tests use; the page itself must do without it.

declare module 'node:fs' {
  export function readFileSync(path: URL): Uint8Array<ArrayBuffer>;
  export function readFileSync(path: URL, encoding: 'utf8'): string;
  export function readdirSync(path: URL): string[];
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
