"""Small changes for the worse: a rule that lets one pass would hold nothing."""

from tests.rules.reading import rights


def properties(template, name):
    return template["Resources"][name]["Properties"]


def put(name, **values):
    """Change properties of a resource."""
    return lambda template: properties(template, name).update(values)


def drop(name, key):
    """Forget one property of a resource."""
    return lambda template: properties(template, name).pop(key)


def remove(name):
    return lambda template: template["Resources"].pop(name)


def event(function, name, key):
    """Forget one property of a function's event."""
    return lambda template: properties(template, f"{function}Function")["Events"][name]["Properties"].pop(key)


def variable(function, name, value):
    return lambda template: properties(template, f"{function}Function")["Environment"]["Variables"].update(
        {name: value}
    )


def right(function, sid, **values):
    """Change one statement of a function's role; a value of None forgets the key."""

    def change(template):
        found = next(s for name, s in rights(template) if name == function and s["Sid"] == sid)
        for key, value in values.items():
            if value is None:
                found.pop(key)
            else:
                found[key] = value

    return change


def allow(function, **statement):
    """Add a statement to a function's role."""

    def change(template):
        policy = properties(template, f"{function}Role")["Policies"][0]["PolicyDocument"]
        policy["Statement"].append({"Sid": "Widened", "Effect": "Allow", **statement})

    return change


def arn(name):
    return {"Fn::GetAtt": [name, "Arn"]}


def kinds(*names):
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(names)}}


def purpose(*names):
    return {"StringEquals": {"kms:EncryptionContext:purpose": list(names)}}


def cases(breaks):
    """(rule, change) pairs and their names, for pytest."""
    pairs = [(rule, change) for rule, changes in breaks.items() for change in changes]
    names = [f"{rule.__name__}-{n}" for rule, changes in breaks.items() for n in range(1, len(changes) + 1)]
    return {"argvalues": pairs, "ids": names}
