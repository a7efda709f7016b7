"""ministack, with the one call of the key service that it lacks: ReEncrypt, made of its Decrypt and Encrypt.

A program of its own, since the engine runs in a process of its own.
"""

import json
from typing import Any

from ministack.app import main
from ministack.services import kms

_answer = kms.handle_request


async def _handle(method: Any, path: Any, headers: Any, body: Any, query: Any) -> Any:
    if not headers.get("x-amz-target", "").endswith(".ReEncrypt"):
        return await _answer(method, path, headers, body, query)
    asked = json.loads(body)
    opened = kms._decrypt(
        {
            "CiphertextBlob": asked["CiphertextBlob"],
            "EncryptionContext": asked.get("SourceEncryptionContext", {}),
        }
    )
    if opened[0] != 200:
        return opened
    plain = json.loads(opened[2])
    sealed = kms._encrypt(
        {
            "KeyId": asked["DestinationKeyId"],
            "Plaintext": plain["Plaintext"],
            "EncryptionContext": asked.get("DestinationEncryptionContext", {}),
        }
    )
    if sealed[0] != 200:
        return sealed
    status, told, text = sealed
    return status, told, json.dumps({**json.loads(text), "SourceKeyId": plain["KeyId"]}).encode()


kms.handle_request = _handle

if __name__ == "__main__":
    main()
