"""The command line of CardCourier: what a merchant does from a terminal, over the API.

main        the commands and their options, and how every ending becomes an exit code
nouns       what is commanded over the API, one module a noun
asking      a yes, a name once more, fields: asked for in the same way everywhere
config      where the API is and with which key, from the environment or a profile
client      requests, repeated safely, and errors
output      data on stdout as a table, JSON or CSV; words and progress on stderr
words       what is said to people, in Chinese and English
ops         what an operator does with access to the tables, such as `ops verify`
"""
