"""The four tables: how each thing is named in them. The only room that knows keys and expressions.

`t` = tenant. Ids never contain `#`. Keys start with their kind, so that a function's rights can be
held to kinds. Every item has `pk` and `sk` (the vault only `pk`); `v` is the version of its shape.

main (stream with new and old images; index `card` on `c`; index `due` on `d`, `due`)

    thing            pk                          sk                      in an index
    marker           P#<t>#<sku>#<epoch>#<shard> <bucket>#<card>         -
    order header     O#<t>#<shop>#<order>        H                       due: D#ORDER#<00..31> while open
    fact             as the header               F#<kind>#<id>           -
    unit             as the header               U#<line>#<nnnn>         card: C#<t>#<card> while it holds one
                                                                         due: W#<room>#<t>#<ref>#<00..15>,
                                                                         by paid_at; or D#DELIV#<00..31>
    notification     as the header               N#<occasion>.<channel>  due: D#NOTE#<00..31> until the next
                                                                         try; W#NOTE#<t> once it failed,
                                                                         until somebody looked
    mark of a task   as the header               T#<kind>#<what>         -
    claim            as the header               Q#<line>.<nnnn>.<gen>   due: W#CLAIM#<t>, by opened_at,
                                                                         until somebody decides
    token            R#<sha256(token)>           R                       -
    pick-up code     R#<hmac(code)>              O#<t>#<shop>#<order>    -
    tries, limits    R#…                         TRIES                   - (time to live)
    requests         R#rate#<kind>#<who>#<slot>  USED                    - (time to live)
    daily slots      R#slot#<action>#<who>#<day> <nnnnn>                 - (time to live)
    room             W#<t>#<ref>                 ROOM#<room>             due: D#ROOM#<00..31>
    shop             S#<shop>                    META                    -
    API key          AK#<id>                     META                    -
    user             U#<hash of issuer, subject> META                    -
    tenant           C#-                         TENANT#<t>              -
    beacon           C#-                         BEACON                  -
    product          C#<t>                       PRODUCT#<sku>           -
    shop, by tenant  C#<t>                       SHOP#<shop>             -
    batch            C#<t>                       BATCH#<batch>           -
    supplier         C#<t>                       SUPPLIER#<id>           -
    supplier claim   C#<t>                       SUPCLAIM#<id>           -
    job              C#<t>                       JOB#<id>                -
    fixed content    C#<t>                       CONTENT#<sku>           -
    SMS settings     C#<t>                       SMS                     -
    canary           C#<t>                       CANARY                  -
    own texts        C#<t>                       TEXT#<channel>#<kind>#<language>  -
    erasure by age   C#<t>                       RETENTION               -
    part of a job    C#<t>                       BULK#<job>#<nnn>        -
    data key         C#<t>                       KEY#<purpose>#<id>      -
    key versions     C#<t>                       VERSIONS#<purpose>      -
    API key, list    C#<t>                       AK#<id>                 -
    user, list       C#<t>                       USER#<id>               -
    imported file    C#<t>                       FILE#<sha256>           -
    mark, no order   C#<t>                       TASK#<kind>#<what>      - (time to live)
    unread notice    C#<t>                       UNREAD#<shop>#<hash>    - (time to live)
    idempotency      C#<t>                       IDEM#<hash>             - (time to live)
    request, trail   E#<t>#<yyyymm>              <at>#<rid>              - (time to live)
    listing          L#<t>#<shop>                <item>#<variant>#<row>  -
    batch content    B#<t>#<batch>               M#<chunk>               -
    issued uses      B#<t>#<batch>               U#<card>#<stretch>      -
    undone chunk     B#<t>#<batch>               V#<chunk>               -
    closed batch     B#<t>#<batch>               VOID                    -
    burnt, void card X#<t>#<card>                X                       -
    redeemed card    X#<t>#<card>                R#<card>                -
    endpoint         H#<t>                       E#<endpoint>            -
    replay           H#<t>                       JOB#<id>                -
    shop's API       H#<t>                       API#<shop>              -
    message          H#<t>#<endpoint>#<00..15>   <event>                 due: D#HOOK#<00..31> while
                                                                         pending (time to live)

vault     V#<t>#<card> → ciphertext
journal   J#<t>#<day>#<lane> / <at>#<item>#<ver>; LATE#<t>; SEAL#<t>
views     A#<t>#<day>#<lane> / <at>#<shop>#<order> (order rows); K#<t>#<hmac> (search and
          counts, `domain/contact_keys.py`); 4#<t>#<last 4>
          T#<t>#<lane> / <listed at>#<shop>#<order>#<kind>#<what> (tasks, for the to-do list)
          B#<t>#<batch> / D#<card>, I#<card> (handed over, invalid), C#<card> (claimed);
          Q#<t>#<sku> / SOLD (last sale)

A unit that waits is sorted by payment time in its room, so the oldest payment is served first. The
room item carries a timer of its own; a room is found even when the event that should have opened it
was lost.
"""
