"""The outside: one module or folder per thing that is not ours."""
