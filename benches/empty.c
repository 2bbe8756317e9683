/* The least a process can do: what first.c is compared with. */
int main(void)
{
    return 0;
}
