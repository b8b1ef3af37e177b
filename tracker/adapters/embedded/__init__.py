"""The servers of the embedded run: an S3 store, a Redis, a mailbox, and the supervisor that keeps them.

Everything here is lean on purpose: the supervisor lives as long as the product
does and must not carry the application's memory. Only for one machine; larger
installations name real servers in the settings.
"""
