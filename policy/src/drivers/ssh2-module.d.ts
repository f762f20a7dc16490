// The part of ssh2 1.17 that the driver uses; the package has no types of its own.

declare module 'ssh2' {
  import type { EventEmitter } from 'node:events';
  import type { Duplex, Readable } from 'node:stream';

  export interface Channel extends Duplex {
    readonly stderr: Readable;
  }

  export interface ConnectSettings {
    readonly host: string;
    readonly port: number;
    readonly username: string;
    readonly privateKey?: string;
    readonly password?: string;
    readonly readyTimeout: number;
    readonly hostVerifier: (key: Uint8Array) => boolean;
    readonly algorithms: { readonly serverHostKey: readonly string[] };
    readonly agentForward: false;
    readonly tryKeyboard: false;
  }

  export class Client extends EventEmitter {
    connect(settings: ConnectSettings): this;
    exec(
      command: string,
      options: { readonly pty: false; readonly agentForward: false },
      callback: (error: Error | undefined, channel: Channel) => void,
    ): boolean;
    end(): this;
    destroy(): this;
  }
}
