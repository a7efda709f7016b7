"""The deployed system on one machine: reads `template.yaml` and runs the same functions on local engines.

    template    what is deployed: parameters, conditions, intrinsic functions, globals
    engines     the two processes that stand for AWS: tables, and everything else
    resources   tables, queues, keys, buckets and secrets of the template, made on those engines
    layers      folders that hold what each layer would ship, for isolated functions
    functions   how a function is called, one call at a time in a process, as on Lambda
    processes, environment    both ends of those processes
    http, queues, streams, schedules    what calls them
    faults, lossy    trouble on purpose, around a call and inside of it
    desk        the pages beside the API: mailbox and status
    cloud       all of it started, watched and stopped

Product code never imports this package, and this package knows the product by its template alone.
"""
