/** What comes without an envelope in the `global` protocol: shapes, encoders and a strict decoder. */
import { atom } from '../../../terms/atom.ts';
import { type Term, type Tuple, tuple } from '../../../terms/term.ts';
import { isTag, nodeName, shapeOf, type Tag } from './protocol.ts';

/** Messages that come without an envelope. */
export type GlobalInfo =
  | {
      readonly type: 'init_connect_ack';
      readonly node: string;
      /** the receiver's tag, as the sender knows it */
      readonly receiverTag: Tag;
      readonly senderTag: Tag;
    }
  | { readonly type: 'cancel_connect'; readonly node: string; readonly tag: Tag }
  | {
      readonly type: 'lost_connection';
      /** the node that lost its connection */
      readonly node: string;
      readonly extendedCreation: Tag;
      readonly operationId: Tag;
      /** the node it lost */
      readonly lost: string;
    }
  | { readonly type: 'remove_connection'; readonly node: string }
  | { readonly type: 'whereis'; readonly name: Term; readonly from: Term };

/** `{init_connect_ack, Node, ReceiverTag, SenderTag}` */
export function encodeInitConnectAck(self: string, receiverTag: Tag, senderTag: Tag): Tuple {
  return tuple(atom('init_connect_ack'), atom(self), receiverTag, senderTag);
}

/** `{cancel_connect, Node, ReceiverTag}` */
export function encodeCancelConnect(self: string, receiverTag: Tag): Tuple {
  return tuple(atom('cancel_connect'), atom(self), receiverTag);
}

/** `{lost_connection, Node, ExtendedCreation, OperationId, LostNode}` */
export function encodeLostConnection(
  message: Omit<GlobalInfo & { type: 'lost_connection' }, 'type'>,
): Tuple {
  return tuple(
    atom('lost_connection'),
    atom(message.node),
    message.extendedCreation,
    message.operationId,
    atom(message.lost),
  );
}

/** `{remove_connection, Node}` */
export function encodeRemoveConnection(node: string): Tuple {
  return tuple(atom('remove_connection'), atom(node));
}

type InfoDecoder = (elements: readonly Term[]) => GlobalInfo | undefined;

const INFOS: ReadonlyMap<string, InfoDecoder> = new Map<string, InfoDecoder>([
  [
    'init_connect_ack/4',
    ([, sender, receiverTag, senderTag]) => {
      const node = nodeName(sender);
      if (node === undefined || !isTag(receiverTag) || !isTag(senderTag)) return undefined;
      return { type: 'init_connect_ack', node, receiverTag, senderTag };
    },
  ],
  [
    'cancel_connect/3',
    ([, sender, tag]) => {
      const node = nodeName(sender);
      if (node === undefined || !isTag(tag)) return undefined;
      return { type: 'cancel_connect', node, tag };
    },
  ],
  [
    'lost_connection/5',
    ([, accuser, extendedCreation, operationId, accused]) => {
      const node = nodeName(accuser);
      const lost = nodeName(accused);
      if (node === undefined || lost === undefined) return undefined;
      if (!isTag(extendedCreation) || !isTag(operationId)) return undefined;
      return { type: 'lost_connection', node, extendedCreation, operationId, lost };
    },
  ],
  [
    'remove_connection/2',
    ([, sender]) => {
      const node = nodeName(sender);
      return node === undefined ? undefined : { type: 'remove_connection', node };
    },
  ],
  ['whereis/3', ([, name, from]) => ({ type: 'whereis', name: name!, from: from! })],
]);

/** Decodes a message without envelope; `undefined` when it is no well-formed message. */
export function decodeInfo(message: Term): GlobalInfo | undefined {
  return INFOS.get(shapeOf(message))?.((message as Tuple).elements);
}
