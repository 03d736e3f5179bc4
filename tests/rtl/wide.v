// A combinational module with ports of every storage size of the harness: y_o is all inputs in a row, a_i lowest.
`default_nettype none

module wide (
    input  wire         a_i,
    input  wire [ 11:0] b_i,
    input  wire [ 31:0] c_i,
    input  wire [ 39:0] d_i,
    input  wire [199:0] e_i,
    output wire [284:0] y_o,
    output wire         odd_o
);
  assign y_o = {e_i, d_i, c_i, b_i, a_i};
  assign odd_o = ^y_o;
endmodule

`default_nettype wire
