// Node's own crypto where there is one. Core imports no Node module, so that it runs in a browser as
// it is; on Node `process.getBuiltinModule` hands over node:crypto without an import. Every native path
// has a portable twin with the same verdicts; tests run the same vectors through both.

/** The few functions of node:crypto that core uses, in the shape core uses them. */
export interface NativeCrypto {
  hash(algorithm: 'sha256', data: Uint8Array, encoding: 'latin1' | 'hex'): string;
  createPublicKey(key: object): NativeKey;
  createPrivateKey(key: object): NativeKey;
  sign(algorithm: null, data: Uint8Array, key: NativeKey): Uint8Array;
  sign(
    algorithm: null,
    data: Uint8Array,
    key: NativeKey,
    callback: (error: Error | null, signature: Uint8Array) => void,
  ): void;
  verify(algorithm: null, data: Uint8Array, key: NativeKey, signature: Uint8Array): boolean;
  verify(
    algorithm: null,
    data: Uint8Array,
    key: NativeKey,
    signature: Uint8Array,
    callback: (error: Error | null, valid: boolean) => void,
  ): void;
}

/** A KeyObject of node:crypto. */
export interface NativeKey {
  readonly asymmetricKeyType?: string;
}

interface NodeProcess {
  getBuiltinModule?(name: string): unknown;
}

function loadNativeCrypto(): NativeCrypto | undefined {
  const { process } = globalThis as { process?: NodeProcess };
  return process?.getBuiltinModule?.('node:crypto') as NativeCrypto | undefined;
}

/** node:crypto on Node, undefined in a browser. */
export const nativeCrypto: NativeCrypto | undefined = loadNativeCrypto();
