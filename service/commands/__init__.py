"""The command line: what a person types, and what they are told.

    group       the commands, listed by what one wants to do; each is imported only when it is called
    telling     how every command ends: exit code, and trouble in one line with its remedy
    terminal    where text goes, how it looks
    postgres    the database of a command: the one named, or the one that comes along

Commands hold no rules of the product: they read settings, call what the service is made of, and print.
"""
