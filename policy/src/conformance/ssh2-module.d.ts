// The part of ssh2 1.17 that the recorder uses; the package has no types of its own.

declare module 'ssh2' {
  import type { EventEmitter } from 'node:events';
  import type { Duplex } from 'node:stream';

  export interface ServerChannel extends Duplex {
    exit(code: number): void;
  }

  export class Server extends EventEmitter {
    constructor(
      settings: { readonly hostKeys: readonly string[] },
      onClient: (client: EventEmitter) => void,
    );
    listen(port: number, host: string, listening: () => void): this;
    address(): { readonly port: number };
    close(closed: () => void): this;
  }

  export const utils: {
    readonly parseKey: (
      text: string,
    ) => { readonly type: string; readonly getPublicSSH: () => Uint8Array } | Error;
  };
}
