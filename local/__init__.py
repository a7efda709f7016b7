"""The deployed system on one machine: reads `template.yaml` and runs the same functions on local engines.

    template    what is deployed: parameters, conditions, intrinsic functions, globals
    engines     the two processes that stand for AWS: tables, and everything else
    resources   tables, queues, keys, buckets and secrets of the template, made on those engines
    functions   each function in processes of its own, one call at a time, as on Lambda
    http, queues, streams, schedules    what calls them
    mailbox     the mails that would have been sent
    cloud       all of it started, watched and stopped

Product code never imports this package, and this package knows the product by its template alone.
"""
