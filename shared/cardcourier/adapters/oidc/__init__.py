"""People who sign in elsewhere: tokens of OpenID Connect issuers.

issuer_keys    whose signature is good: discovery, key sets, and how long they hold
id_tokens      whom a token speaks for, or nobody
"""
