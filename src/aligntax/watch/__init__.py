"""New traffic is read as it comes, each exchange once, and its rates are held to the policy at every look."""
